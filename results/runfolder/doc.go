// Package runfolder is the format of a run folder: the types of run.json, the
// names of its files, and the schemas of its Arrow tables with their writers
// and readers.
//
// A run folder holds raw tables, written while the engine is loaded, and
// derived ones, which a later pass makes of them. This package says what each
// column is called, which unit it has and how its unknown is written; it knows
// nothing of how a figure is computed. A table is a list of columns (table.go),
// so a new column is one line in the file of its table.
//
// Unknown figures are null in a table. In Go a time that did not happen is
// loadgen.Never, a count that nobody told is loadgen.Unknown, and a number that
// nobody told is NaN.
package runfolder
