package bundle

import (
	"fmt"

	"github.com/rowan-authz/rowan/engine"
)

// Answer is how `rowan eval` prints a decision as JSON.
type Answer struct {
	Name           string            `json:"name"`
	Decision       string            `json:"decision"`
	DecidedBy      string            `json:"decidedBy"`
	Statements     []AnswerStatement `json:"statements"`
	MissingContext []string          `json:"missingContext"`
}

// AnswerStatement names a statement that decided.
type AnswerStatement struct {
	// Policy is KIND[i], KIND[level][i] for guardrails, or "resource".
	Policy string `json:"policy"`
	Sid    string `json:"sid"`
	// Index counts the statements of the document from 0, Line the lines of
	// the file from 1.
	Index int `json:"index"`
	Line  int `json:"line"`
}

// NewAnswer renders an explanation. Its slices are never nil.
func NewAnswer(name string, x *engine.Explanation) Answer {
	a := Answer{
		Name:           name,
		Decision:       x.Decision.Outcome.String(),
		DecidedBy:      x.Decision.By.String(),
		Statements:     make([]AnswerStatement, 0, len(x.Statements)),
		MissingContext: append([]string{}, x.MissingContext...),
	}
	for i := range x.Statements {
		s := &x.Statements[i]
		a.Statements = append(a.Statements, AnswerStatement{
			Policy: PolicyName(s), Sid: s.Sid, Index: s.Index, Line: int(s.Pos.Line),
		})
	}
	return a
}

// PolicyName says in which policy of a scenario a statement stands, such as
// "identity[0]" or "serviceControl[1][0]".
func PolicyName(s *engine.StatementReport) string {
	if s.Authority == engine.ByResource {
		return s.Authority.String()
	}
	if s.Authority == engine.ByResourceControl || s.Authority == engine.ByServiceControl {
		return fmt.Sprintf("%s[%d][%d]", s.Authority, s.Level, s.DocumentIndex)
	}
	return fmt.Sprintf("%s[%d]", s.Authority, s.DocumentIndex)
}
