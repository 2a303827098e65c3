// Package playground answers the questions of one page: what do these policies
// decide about this request, why, which rows do they keep, is one policy broader
// than another, do rows stay with their owners. A question is a JSON object, the
// answer is one; nothing is remembered between two.
//
// It is linked into rowan and into WebAssembly: what it imports a browser loads.
// Nobody is to be trusted with what a question holds, so every text, list and
// proof in it is bounded, and what is wrong with it is said in the answer, with
// line and column.
package playground

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rowan-authz/rowan/conditions"
)

// Bounds of a question, in bytes.
const (
	// MaxQuestion is of the question as a whole.
	MaxQuestion = 512 << 10

	maxPolicy = 64 << 10
	maxValues = 16 << 10 // of the session and of the context
	maxRows   = 64 << 10
	maxName   = 2 << 10
)

// What a question asks for.
const (
	// AskDecision asks for the decision, why, and the rows.
	AskDecision = "decision"
	// AskProof asks for what holds for all requests, which takes longer.
	AskProof = "proof"
)

// Question is what the page holds. Texts are as people typed them.
type Question struct {
	Ask string `json:"ask"`
	// Policy is an identity policy. Boundary, a permissions boundary, and
	// ServiceControl, a service control policy, limit it; Other is one to compare
	// it with. A blank text means that there is none.
	Policy         string `json:"policy"`
	Boundary       string `json:"boundary"`
	ServiceControl string `json:"serviceControl"`
	Other          string `json:"other"`
	// Principal is an ARN. Session holds the context keys of its session, Context
	// those of the request: a JSON object each, blank for none.
	Principal string `json:"principal"`
	Session   string `json:"session"`
	Action    string `json:"action"`
	Resource  string `json:"resource"`
	Context   string `json:"context"`
	// PartitionKey and KeyType, which is S, N or B, are of the table whose Rows
	// these are: JSON objects one after another, or an array of them.
	PartitionKey string `json:"partitionKey"`
	KeyType      string `json:"keyType"`
	Rows         string `json:"rows"`
	// Owner is the context key that the partition key of one's own rows equals.
	Owner string `json:"owner"`
}

// answer is what Answer gives.
type answer struct {
	// Error is set, and nothing else, if the question is none.
	Error string `json:"error,omitempty"`
	// Faults are what keeps a part from being used.
	Faults []fault `json:"faults"`
	// Findings are what a linter says about the policies.
	Findings []finding `json:"findings"`
	Decision *decision `json:"decision,omitempty"`
	// OtherDecision is the outcome if Other were the policy; empty without one.
	OtherDecision string      `json:"otherDecision,omitempty"`
	Filter        *filter     `json:"filter,omitempty"`
	Rows          []row       `json:"rows,omitempty"`
	Comparison    *comparison `json:"comparison,omitempty"`
	Isolation     *isolation  `json:"isolation,omitempty"`
}

// fault is something that cannot be understood.
type fault struct {
	// Part is the member of the question.
	Part string `json:"part"`
	// Line and Column count from 1, columns in bytes; 0 if there is no place.
	Line   uint32 `json:"line"`
	Column uint32 `json:"column"`
	Text   string `json:"text"`
}

// asker answers one question.
type asker struct {
	*Question
	answer     answer
	vocabulary *conditions.Vocabulary
	now        func() time.Time
	read       parts
}

// Answer answers a question, in JSON both. It ends early if ctx does; now is the
// time that policies see, and the clock that bounds proofs. It never fails: what
// is wrong with the question is in the answer. Safe for concurrent use.
func Answer(ctx context.Context, question []byte, now func() time.Time) []byte {
	q, err := parse(question)
	if err != nil {
		return encode(&answer{Error: err.Error()})
	}
	a := &asker{Question: q, vocabulary: conditions.AWS(), now: now}
	a.answer.Faults, a.answer.Findings = []fault{}, []finding{}
	a.readParts()
	if q.Ask == AskProof {
		a.prove(ctx)
	} else {
		a.decide()
	}
	return encode(&a.answer)
}

// parse reads a question and refuses one that is too large.
func parse(text []byte) (*Question, error) {
	if len(text) > MaxQuestion {
		return nil, fmt.Errorf("the question has %d bytes, more than %d", len(text), MaxQuestion)
	}
	q := &Question{}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(q); err != nil {
		return nil, fmt.Errorf("no question: %w", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("no question: something follows it")
	}
	if q.Ask != AskDecision && q.Ask != AskProof {
		return nil, fmt.Errorf("ask: want %s or %s", AskDecision, AskProof)
	}
	return q, nil
}

// encode writes an answer. What it holds always encodes.
func encode(x *answer) []byte {
	text, err := json.Marshal(x)
	if err != nil {
		return []byte(`{"error":"the answer cannot be written"}`)
	}
	return text
}

// fail notes what is wrong with a part; without a line if that is 0.
func (a *asker) fail(part string, line, column uint32, format string, args ...any) {
	a.answer.Faults = append(a.answer.Faults, fault{part, line, column, short(fmt.Sprintf(format, args...), maxShownText)})
}

// failed reports whether one of the parts has a fault.
func (a *asker) failed(parts ...string) bool {
	for _, f := range a.answer.Faults {
		for _, p := range parts {
			if f.Part == p {
				return true
			}
		}
	}
	return false
}

// maxShownText is how much of one text an answer repeats, maxShown how many of a
// list: an answer must not grow with the product of what a question has.
const (
	maxShownText = 600
	maxShown     = 12
)

// short cuts a text that is long, between two characters.
func short(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && s[limit]&0xC0 == 0x80 {
		limit--
	}
	return s[:limit] + "…"
}

// some returns the first of a list, never nil.
func some(list []string) []string {
	out := make([]string, 0, min(len(list), maxShown+1))
	for i, s := range list {
		if i == maxShown {
			return append(out, fmt.Sprintf("and %d more", len(list)-i))
		}
		out = append(out, short(s, maxShownText))
	}
	return out
}
