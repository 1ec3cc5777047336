// Package logs reads what other programs recorded: power logs, as samples of
// devices, and request logs, as rows shaped like a run's own. It is the reading
// half of an import: it knows formats, units and clocks, and neither run
// folders nor attribution.
//
// It is opinionated: it refuses instead of guessing. A time without a zone, a
// unit that neither header nor value states, several GPUs that cannot be told
// apart, a counter that runs backwards: each is an error of one line that says
// what is missing and which flag gives it. Doubts that do not spoil a figure
// are warnings on the result.
//
// Everything streams: the memory of a read does not grow with the file.
// Prompts and answers in the files are skipped and never kept.
//
// To add a format, write one file with its detection and reader and list it in
// powerFormats or requestFormats; docs/import.md has the table.
package logs
