// Cfu-parquet converts the tables of a cfu run to Parquet. It is a command of
// its own because the Parquet library would make cfu several times as large.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"cfubench/results/arrowfile"
	"cfubench/results/runfolder"
)

const usage = `cfu-parquet converts Arrow tables of a cfu run to Parquet (zstd; times delta
encoded). Field metadata (units) and schema metadata (run constants) are kept.

usage: cfu-parquet FILE.arrow [...] [flags]    beside each file, as FILE.parquet
       cfu-parquet OUT [flags]                 every table of the run, same folders

flags:
`

func main() { os.Exit(run(os.Stdout, os.Stderr, os.Args[1:])) }

// run is one command line: 0 done, 1 failed, 2 wrong usage.
func run(stdout, stderr io.Writer, args []string) int {
	var dir string
	fs := pflag.NewFlagSet("cfu-parquet", pflag.ContinueOnError)
	fs.SortFlags = false
	fs.SetOutput(io.Discard)
	fs.StringVar(&dir, "dir", "", "Write below the folder `DIR` instead of beside the tables.")
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, pflag.ErrHelp) {
			fmt.Fprint(stdout, usage, fs.FlagUsages())
			return 0
		}
		fmt.Fprintf(stderr, "cfu-parquet: %v\n", err)
		return 2
	}
	if fs.NArg() == 0 {
		fmt.Fprint(stderr, "cfu-parquet: want a table or the OUT of a run\n\n", usage, fs.FlagUsages())
		return 2
	}
	for _, argument := range fs.Args() {
		jobs, err := plan(argument, dir)
		if err == nil {
			for _, j := range jobs {
				if err = convert(j.from, j.to, j.open); err != nil {
					break
				}
				fmt.Fprintln(stdout, j.to)
			}
		}
		if err != nil {
			fmt.Fprintf(stderr, "cfu-parquet: %v\n", err)
			return 1
		}
	}
	return 0
}

// job is one table to convert.
type job struct {
	from, to string
	open     func(string) (*arrowfile.Reader, error)
}

// plan lists the tables that an argument names and where they go.
func plan(argument, dir string) ([]job, error) {
	info, err := os.Stat(argument)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", argument, errors.Unwrap(err))
	}
	if !info.IsDir() {
		to := strings.TrimSuffix(argument, ".arrow") + ".parquet"
		if dir != "" {
			to = filepath.Join(dir, filepath.Base(to))
		}
		return []job{{argument, to, arrowfile.Open}}, nil
	}
	record, err := runfolder.ReadRun(argument)
	if err != nil {
		return nil, err
	}
	if dir == "" {
		dir = argument
	}
	var jobs []job
	for _, table := range runfolder.Tables() {
		paths, _, err := runfolder.TablePaths(argument, record, table)
		if err != nil {
			return nil, err
		}
		for _, from := range paths {
			below, err := filepath.Rel(argument, from)
			if err != nil {
				return nil, fmt.Errorf("convert %s: %w", from, err)
			}
			jobs = append(jobs, job{from, filepath.Join(dir, strings.TrimSuffix(below, ".arrow")+".parquet"), runfolder.OpenTable})
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("%s has no tables", argument)
	}
	return jobs, nil
}
