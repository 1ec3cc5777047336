package main

import (
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
)

// convert writes the Arrow table from, as open opens it, as the Parquet file to, which appears
// under its name when it is complete. A partial table is converted as far as it
// goes.
func convert(from, to string, open func(string) (*arrowfile.Reader, error)) (err error) {
	r, err := open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	partial := to + arrowfile.PartialSuffix
	f, err := runfolder.Create(partial)
	if err != nil {
		return fmt.Errorf("convert %s: %w", from, err)
	}
	defer func() {
		if err != nil {
			f.Close()
			runfolder.Remove(partial)
		}
	}()
	w, err := pqarrow.NewFileWriter(r.Schema(), f, properties(r.Schema()), pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
	if err != nil {
		return fmt.Errorf("convert %s: %w", from, err)
	}
	for batch, err := range r.Batches() {
		if err != nil {
			return err
		}
		if err := w.WriteBuffered(batch); err != nil {
			return fmt.Errorf("convert %s: %w", from, err)
		}
	}
	// Closing the writer closes the file.
	if err := w.Close(); err != nil {
		return fmt.Errorf("convert %s: %w", from, err)
	}
	if err := runfolder.Rename(partial, to); err != nil {
		return fmt.Errorf("convert %s: %w", from, err)
	}
	return nil
}

// properties encode times as differences: they rise slowly, and a dictionary of
// distinct nanoseconds would hold them all.
func properties(schema *arrow.Schema) *parquet.WriterProperties {
	options := []parquet.WriterProperty{parquet.WithCompression(compress.Codecs.Zstd)}
	for _, f := range schema.Fields() {
		if !strings.HasSuffix(f.Name, "_ns") {
			continue
		}
		column := f.Name
		if arrow.IsListLike(f.Type.ID()) {
			column += ".list.element"
		}
		options = append(options, parquet.WithDictionaryFor(column, false), parquet.WithEncodingFor(column, parquet.Encodings.DeltaBinaryPacked))
	}
	return parquet.NewWriterProperties(options...)
}
