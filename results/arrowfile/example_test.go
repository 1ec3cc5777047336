package arrowfile_test

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"cfubench/results/arrowfile"
)

// Answer is a row.
type Answer struct {
	Request int64
	Tokens  int32
}

func ExampleRows() {
	dir, err := os.MkdirTemp("", "rows")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "answers.arrow")

	table, err := arrowfile.CreateRows(path, arrowfile.Shape[Answer]{
		Schema: arrow.NewSchema([]arrow.Field{
			{Name: "request", Type: arrow.PrimitiveTypes.Int64},
			{Name: "tokens", Type: arrow.PrimitiveTypes.Int32},
		}, nil),
		Encode: func(b *array.RecordBuilder, a Answer) {
			b.Field(0).(*array.Int64Builder).Append(a.Request)
			b.Field(1).(*array.Int32Builder).Append(a.Tokens)
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	for i := range 100_000 {
		if err := table.Append(Answer{int64(i), 16}); err != nil {
			log.Fatal(err)
		}
	}
	if err := table.Close(); err != nil {
		log.Fatal(err)
	}

	r, err := arrowfile.Open(path)
	if err != nil {
		log.Fatal(err)
	}
	defer r.Close()
	for batch, err := range r.Batches() {
		if err != nil {
			log.Fatal(err) // names the file and the batch
		}
		fmt.Println(batch.NumRows(), "rows")
	}
	fmt.Println("complete:", r.Complete, "verified:", r.Verified, "the same content:", r.Digest == table.Digest())
	// Output:
	// 65536 rows
	// 34464 rows
	// complete: true verified: true the same content: true
}
