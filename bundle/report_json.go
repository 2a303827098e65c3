package bundle

import (
	"encoding/json"
	"io"
)

// WriteJSON writes results as one JSON object with a member for each suite,
// test and cell, in their order.
func (r *Result) WriteJSON(w io.Writer) error {
	out := jsonResult{Passed: r.Passed, Failed: r.Failed, Suites: []jsonSuite{}}
	for i := range r.Suites {
		s := &r.Suites[i]
		suite := jsonSuite{Name: s.Name, File: s.File, Passed: s.Passed, Failed: s.Failed, Tests: []jsonTest{}}
		for j := range s.Tests {
			t := &s.Tests[j]
			test := jsonTest{Name: t.Name, Line: t.Line, Passed: t.Passed, Failed: t.Failed, Cells: []jsonCell{}}
			for k := range t.Cells {
				test.Cells = append(test.Cells, newJSONCell(&t.Cells[k]))
			}
			suite.Tests = append(suite.Tests, test)
		}
		out.Suites = append(out.Suites, suite)
	}
	if r.Coverage != nil {
		out.Coverage = newJSONCoverage(r.Coverage)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(&out)
}

type jsonResult struct {
	Passed   int           `json:"passed"`
	Failed   int           `json:"failed"`
	Suites   []jsonSuite   `json:"suites"`
	Coverage *jsonCoverage `json:"coverage,omitempty"`
}

type jsonSuite struct {
	Name   string     `json:"name"`
	File   string     `json:"file"`
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Tests  []jsonTest `json:"tests"`
}

type jsonTest struct {
	Name   string     `json:"name"`
	Line   int        `json:"line"`
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Cells  []jsonCell `json:"cells"`
}

type jsonCell struct {
	Name     string   `json:"name"`
	Identity string   `json:"identity"`
	Table    string   `json:"table,omitempty"`
	Row      string   `json:"row,omitempty"`
	Action   string   `json:"action"`
	Resource string   `json:"resource"`
	Pass     bool     `json:"pass"`
	Want     jsonWant `json:"want"`
	// Decision and what follows are those of the answer.
	Decision       string          `json:"decision"`
	DecidedBy      string          `json:"decidedBy"`
	Statements     []jsonStatement `json:"statements"`
	MissingContext []string        `json:"missingContext"`
	// Rows and Filter are those of a list.
	Rows     []string `json:"rows,omitzero"`
	Filter   string   `json:"filter,omitempty"`
	File     string   `json:"file"`
	Line     int      `json:"line"`
	Problems []string `json:"problems,omitempty"`
	Failure  string   `json:"failure,omitempty"`
}

type jsonWant struct {
	Decision       string   `json:"decision"`
	Listed         bool     `json:"listed"`
	Statements     []string `json:"statements,omitzero"`
	MissingContext []string `json:"missingContext,omitzero"`
	Rows           []string `json:"rows,omitzero"`
	Filter         string   `json:"filter,omitempty"`
}

// jsonStatement is a statement that decided, by its name in the bundle.
type jsonStatement struct {
	Name string `json:"name"`
	AnswerStatement
}

func newJSONCell(r *CellResult) jsonCell {
	c := jsonCell{
		Name: r.Name, Identity: r.Identity, Table: r.Table, Row: r.Row, Action: r.Action, Resource: r.Resource,
		Pass: r.Pass, File: r.File, Line: r.Line, Problems: r.Problems, Failure: r.Failure(false),
		Want: jsonWant{
			Decision: r.Want.Outcome.String(), Listed: r.Want.Listed,
			Statements: r.Want.Statements, MissingContext: r.Want.MissingContext, Rows: r.Want.Rows, Filter: r.Want.Filter,
		},
		Rows: r.Rows, Filter: r.Filter,
		Decision: r.Got.String(), DecidedBy: r.Answer.DecidedBy,
		Statements: []jsonStatement{}, MissingContext: append([]string{}, r.Answer.MissingContext...),
	}
	for i, s := range r.Answer.Statements {
		c.Statements = append(c.Statements, jsonStatement{r.names[i], s})
	}
	return c
}

type jsonCoverage struct {
	Percent    float64                 `json:"percent"`
	Covered    int                     `json:"covered"`
	Total      int                     `json:"total"`
	Statements []jsonStatementCoverage `json:"statements"`
}

type jsonStatementCoverage struct {
	Name    string              `json:"name"`
	File    string              `json:"file"`
	Line    int                 `json:"line"`
	Effect  string              `json:"effect"`
	Reached string              `json:"reached"`
	Decided int                 `json:"decided"`
	Matched int                 `json:"matched"`
	Values  []jsonValueCoverage `json:"values"`
}

type jsonValueCoverage struct {
	Operator string `json:"operator"`
	Key      string `json:"key"`
	Value    string `json:"value"`
	Line     int    `json:"line"`
	True     int    `json:"true"`
	False    int    `json:"false"`
}

func newJSONCoverage(c *Coverage) *jsonCoverage {
	covered, total := c.Count()
	out := &jsonCoverage{Percent: c.Percent(), Covered: covered, Total: total, Statements: []jsonStatementCoverage{}}
	for i := range c.Statements {
		s := &c.Statements[i]
		x := jsonStatementCoverage{
			Name: s.Name, File: s.File, Line: s.Line, Effect: s.Effect.String(),
			Reached: s.Reached(), Decided: s.Decided, Matched: s.Matched, Values: []jsonValueCoverage{},
		}
		for _, v := range s.Values {
			x.Values = append(x.Values, jsonValueCoverage{v.Operator, v.Key, v.Value, v.Line, v.True, v.False})
		}
		out.Statements = append(out.Statements, x)
	}
	return out
}
