package datasets

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"cfubench/internal/inputfile"
)

// Open reads the requests of the trace that spec names: "sample",
// "sharegpt:FILE", "azure:FILE", "burstgpt:FILE", "mooncake:FILE",
// "openai:FILE" or "jsonl:FILE". What is kept in memory is the requests taken, and for the exact
// selections 16 bytes a conversation; never the file.
//
// A file that is not what the spec says is an error that names the file, the
// place and what was expected.
func Open(ctx context.Context, spec string, o Options) (Trace, error) {
	var requests []Request
	t, err := scan(ctx, spec, o, held, func(r Request) error {
		requests = append(requests, r)
		return nil
	})
	if err != nil {
		return Trace{}, err
	}
	t.Requests = requests
	oversample(&t, o)
	return t, nil
}

// Each reads as Open does but hands each request to take instead of keeping it,
// so that a trace of any size passes through. The Trace it returns has all but
// the Requests. VLLM's oversampling repeats what it has accepted, so for that
// selection the requests are kept first.
func Each(ctx context.Context, spec string, o Options, take func(Request) error) (Trace, error) {
	if o.Select != VLLM {
		return scan(ctx, spec, o, passing, take)
	}
	t, err := Open(ctx, spec, o)
	if err != nil {
		return Trace{}, err
	}
	for _, r := range t.Requests {
		if err := take(r); err != nil {
			return Trace{}, err
		}
	}
	t.Requests = nil
	return t, nil
}

// source is a file that can be read from the start and at any place.
type source interface {
	io.Reader
	io.ReaderAt
}

// file is a source that was opened.
type file interface {
	source
	io.Closer
}

// bundled is a file that the binary carries.
type bundled struct{ *bytes.Reader }

func (bundled) Close() error { return nil }

// scan hands the requests that pass to sink.
func scan(ctx context.Context, name string, o Options, p prompts, sink func(Request) error) (Trace, error) {
	s, err := parseSpec(name)
	if err != nil {
		return Trace{}, err
	}
	if err := o.validate(s); err != nil {
		return Trace{}, err
	}
	r, path, err := s.open(ctx, o)
	if err != nil {
		return Trace{}, fmt.Errorf("dataset: %w", err)
	}
	defer r.Close()
	if what := packed(r); what != "" {
		return Trace{}, fmt.Errorf("dataset: %s: %s", path, what)
	}
	t := Trace{Source: name, Dropped: map[string]int{}}
	c := collector{t: &t, o: o, prompts: p, sink: sink}
	if err := c.read(ctx, s.format, r); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Trace{}, inFile(path, r, err)
	}
	if c.taken == 0 {
		return Trace{}, fmt.Errorf("%s: no request can be made of it (%s)", path, t.dropList())
	}
	return t, nil
}

// open returns the file and its name in errors.
func (s spec) open(ctx context.Context, o Options) (r file, name string, err error) {
	if s.format == "sample" {
		sample, err := carried("sample.json")
		if err != nil {
			return nil, "", err
		}
		return bundled{bytes.NewReader(sample)}, "sample", nil
	}
	f, err := inputfile.Open(ctx, s.file)
	if err != nil {
		return nil, "", err
	}
	info, err := f.Stat()
	switch {
	case err != nil:
	case info.IsDir():
		err = fmt.Errorf("%s is a directory, want a file", s.file)
	case !info.Mode().IsRegular() && exactRule(o) != nil:
		err = fmt.Errorf("%s: selection %s reads the file twice and needs a regular one", s.file, o.Select)
	}
	if err != nil {
		f.Close()
		return nil, "", err
	}
	return f, s.file, nil
}

// packed says what a file is that is no text, and what to do with it; "" for any
// other, and for one that cannot be read at a place of its own.
func packed(r io.ReaderAt) string {
	var head [6]byte
	n, _ := r.ReadAt(head[:], 0)
	for _, kind := range []struct{ magic, what string }{
		{"\x1f\x8b", "it is compressed by gzip: unpack it first (gunzip)"},
		{"\x28\xb5\x2f\xfd", "it is compressed by zstd: unpack it first (unzstd)"},
		{"BZh", "it is compressed by bzip2: unpack it first (bunzip2)"},
		{"\xfd7zXZ\x00", "it is compressed by xz: unpack it first (unxz)"},
		{"PK\x03\x04", "it is a zip archive: unpack it first (unzip)"},
		{"PAR1", "it is a Parquet table: write its rows as JSON lines first (in pandas: to_json, orient='records', lines=True)"},
		{"ARROW1", "it is an Arrow table: write its rows as JSON lines first"},
		{"\xff\xfe", "its text is UTF-16: write it as UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
		{"\xfe\xff", "its text is UTF-16: write it as UTF-8 first (iconv -f UTF-16 -t UTF-8)"},
	} {
		if strings.HasPrefix(string(head[:n]), kind.magic) {
			return kind.what
		}
	}
	return ""
}

// read collects what a file of the format holds.
func (c *collector) read(ctx context.Context, format string, r source) error {
	if c.o.Tokenizer != nil {
		c.t.Tokenizer = c.o.Tokenizer.Name()
	}
	var found oddities
	var times arrivals
	var candidates iter.Seq2[[]candidate, error]
	switch format {
	case "sample", "sharegpt":
		if c.o.Select == "" {
			c.o.Select = First
		}
		c.t.Selection, c.t.Seed = c.o.Select, c.o.Seed
		c.rule = exactRule(c.o)
		c.wordTargets = format == "sample" && c.o.Tokenizer == nil
		if c.o.Select == First {
			candidates = first(r, c.o.MultiTurn, c.t, &found)
			break
		}
		places, err := shuffled(ctx, c.t, r, c.o)
		if err != nil {
			return err
		}
		candidates = exact(r, places, &found.repaired)
	case "openai":
		candidates = openAI(r, c.o, &found)
	case "jsonl":
		c.t.Seed = c.o.Seed
		candidates = jsonLines(r, c.o, &times, &found)
	default:
		// These state their own lengths.
		c.o.Tokenizer, c.t.Tokenizer, c.t.Seed = nil, "", c.o.Seed
		switch format {
		case "azure":
			candidates = azure(r, c.t, c.o, &times)
		case "burstgpt":
			candidates = burstGPT(r, c.t, c.o, &times)
		case "mooncake":
			candidates = mooncake(r, c.t, c.o, &times)
		}
	}
	if err := c.collect(ctx, candidates); err != nil {
		return err
	}
	c.finish()
	found.warn(c.t)
	times.warn(c.t)
	return nil
}

// inFile names the file and the place of an error.
func inFile(name string, r io.ReaderAt, err error) error {
	if l := (*lineError)(nil); errors.As(err, &l) {
		return fmt.Errorf("%s:%d: %w", name, l.line, l.err)
	}
	if p := (*positionError)(nil); errors.As(err, &p) {
		line, column := lineAt(r, p.offset)
		return fmt.Errorf("%s:%d:%d: %w", name, line, column, p.err)
	}
	return fmt.Errorf("%s: %w", name, err)
}
