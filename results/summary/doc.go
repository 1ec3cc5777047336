// Package summary computes summary.json of a run and prints its table: the figures of
// each cell and load point with their intervals, and the verdict on each cell.
//
// It reads the tables of a run folder and nothing else, so a summary can be made
// again, elsewhere, without the engine. The energy of a cell is the one that package
// derivation wrote into energy.arrow. docs/results.md defines each figure and each
// reason of a verdict.
package summary
