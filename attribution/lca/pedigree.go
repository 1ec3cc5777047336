package lca

import (
	"fmt"
	"math"
)

// Pedigree is the data quality of a figure by the five indicators of the
// pedigree matrix (Weidema & Wesnæs 1996), each from 1, the best, to 5.
type Pedigree struct {
	Reliability  int `json:"reliability"`
	Completeness int `json:"completeness"`
	Time         int `json:"time"`
	Geography    int `json:"geography"`
	Technology   int `json:"technology"`
}

// scores are the indicators in order, by name.
func (p Pedigree) scores() []struct {
	name  string
	score int
} {
	return []struct {
		name  string
		score int
	}{
		{"reliability", p.Reliability}, {"completeness", p.Completeness}, {"time", p.Time},
		{"geography", p.Geography}, {"technology", p.Technology},
	}
}

func (p Pedigree) check() error {
	for _, s := range p.scores() {
		if s.score < 1 || s.score > 5 {
			return fmt.Errorf("%s is %d: give a score from 1 (best) to 5", s.name, s.score)
		}
	}
	return nil
}

// GSD is the geometric standard deviation of the scores by the uncertainty
// factors of ecoinvent 2 (Frischknecht et al. 2007, table 7.4), whose square
// root it is, with the basic uncertainty of 1.05. Two scores have no factor
// there and get that of the better neighbour.
func (p Pedigree) GSD() float64 {
	factors := [][5]float64{
		{1, 1.05, 1.10, 1.20, 1.50},
		{1, 1.02, 1.05, 1.10, 1.20},
		{1, 1.03, 1.10, 1.20, 1.50},
		{1, 1.01, 1.02, 1.02, 1.10},
		{1, 1, 1.20, 1.50, 2.00},
	}
	sum := math.Pow(math.Log(1.05), 2)
	for i, s := range p.scores() {
		sum += math.Pow(math.Log(factors[i][s.score-1]), 2)
	}
	return math.Exp(math.Sqrt(sum) / 2)
}
