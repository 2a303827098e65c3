package reference

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rowan-authz/rowan/policy"
)

// scenario is one case of the corpus: the format of design section 4 with
// what corpora add.
type scenario struct {
	Name, Why, Source, Twin string
	Request                 struct {
		Principal                         json.RawMessage
		Action, Resource, ResourceAccount string
		Context                           map[string]json.RawMessage
	}
	Policies struct {
		Identity, PermissionsBoundary, Session, Endpoint []json.RawMessage
		Resource                                         json.RawMessage
		ServiceControl, ResourceControl                  [][]json.RawMessage
	}
	Expect string
}

// TestCorpus decides every scenario that validation accepts and compares the
// decision with what is expected.
func TestCorpus(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "decisions", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	decided := 0
	for _, file := range files {
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		var scenarios []scenario
		require.NoError(t, decodeStrictly(src, &scenarios), file)
		for _, s := range scenarios {
			if s.Expect == "refused" {
				continue
			}
			decided++
			got, err := s.decide()
			if err != nil {
				t.Errorf("%s: %s: %v", filepath.Base(file), s.Name, err)
			} else if got.Decision != s.Expect {
				t.Errorf("%s: %s: %s by %s, want %s", filepath.Base(file), s.Name, got.Decision, got.DecidedBy, s.Expect)
			}
		}
	}
	require.NotZero(t, decided)
}

func decodeStrictly(src []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("trailing data: %w", err)
	}
	return nil
}

// decide answers a scenario. What the interpreter refuses is an error.
func (s *scenario) decide() (answer Answer, err error) {
	defer func() {
		if refused := recover(); refused != nil {
			err = fmt.Errorf("refused: %v", refused)
		}
	}()
	q, err := s.question()
	if err != nil {
		return Answer{}, err
	}
	return Decide(q), nil
}

func (s *scenario) question() (Question, error) {
	q := Question{
		Action: s.Request.Action, Resource: s.Request.Resource, ResourceAccount: s.Request.ResourceAccount,
		Context: map[string][]string{}, Now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC),
	}
	var err error
	if q.Principal, err = decodePrincipal(s.Request.Principal); err != nil {
		return q, err
	}
	for name, value := range s.Request.Context {
		if q.Context[name], err = decodeValues(value); err != nil {
			return q, fmt.Errorf("context %s: %w", name, err)
		}
	}
	p := &q.Policies
	for _, kind := range []struct {
		into *[]*policy.Document
		from []json.RawMessage
	}{
		{&p.Identity, s.Policies.Identity},
		{&p.Boundary, s.Policies.PermissionsBoundary},
		{&p.Session, s.Policies.Session},
		{&p.Endpoint, s.Policies.Endpoint},
	} {
		if *kind.into, err = parseAll(kind.from); err != nil {
			return q, err
		}
	}
	if p.ServiceControl, err = parseLevels(s.Policies.ServiceControl); err != nil {
		return q, err
	}
	if p.ResourceControl, err = parseLevels(s.Policies.ResourceControl); err != nil {
		return q, err
	}
	if s.Policies.Resource != nil {
		p.Resource, err = policy.Parse("resource", s.Policies.Resource)
	}
	return q, err
}

func parseAll(from []json.RawMessage) ([]*policy.Document, error) {
	if from == nil {
		return nil, nil
	}
	out := []*policy.Document{}
	for _, src := range from {
		d, err := policy.Parse("document", src)
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	return out, nil
}

func parseLevels(from [][]json.RawMessage) ([][]*policy.Document, error) {
	var out [][]*policy.Document
	for _, level := range from {
		documents, err := parseAll(level)
		if err != nil {
			return nil, err
		}
		out = append(out, documents)
	}
	return out, nil
}

func decodePrincipal(src json.RawMessage) (Principal, error) {
	if src == nil {
		return Principal{}, nil
	}
	var text string
	if json.Unmarshal(src, &text) == nil {
		return ParsePrincipal(text)
	}
	var object struct{ Federated, ARN, User string }
	if err := decodeStrictly(src, &object); err != nil {
		return Principal{}, err
	}
	if object.Federated != "" {
		return Federated(object.Federated), nil
	}
	return FederatedUser(object.ARN, object.User)
}

// decodeValues reads a string, number or boolean, or an array of these.
func decodeValues(src json.RawMessage) ([]string, error) {
	if bytes.HasPrefix(src, []byte("[")) {
		var elements []json.RawMessage
		if err := json.Unmarshal(src, &elements); err != nil {
			return nil, err
		}
		values := []string{}
		for _, e := range elements {
			v, err := decodeValue(e)
			if err != nil {
				return nil, err
			}
			values = append(values, v)
		}
		return values, nil
	}
	v, err := decodeValue(src)
	return []string{v}, err
}

func decodeValue(src json.RawMessage) (string, error) {
	switch {
	case src[0] == '"':
		var text string
		err := json.Unmarshal(src, &text)
		return text, err
	case string(src) == "true" || string(src) == "false":
		return string(src), nil
	case src[0] == '-' || '0' <= src[0] && src[0] <= '9':
		return plainNumber(string(src))
	}
	return "", fmt.Errorf("value %s", src)
}

// plainNumber writes a number out without its exponent.
func plainNumber(s string) (string, error) {
	if !strings.ContainsAny(s, "eE") {
		return s, nil
	}
	n, ok := new(big.Rat).SetString(s)
	if !ok || len(s) > 68 {
		return "", fmt.Errorf("number %s", s)
	}
	if n.IsInt() {
		return n.Num().String(), nil
	}
	return strings.TrimRight(n.FloatString(200), "0"), nil
}
