package main

// Goal is one promise, and what came of it.
type Goal struct {
	What    string  `json:"what"`
	Want    float64 `json:"want"`
	Least   bool    `json:"least,omitempty"` // Want is the least, else the most
	Reached float64 `json:"reached"`
	Where   string  `json:"where"`
}

func goalRows(goals []Goal) [][]string { return nil }
