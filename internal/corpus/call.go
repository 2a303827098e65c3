package corpus

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rowan-authz/rowan/access/dynamoitem"
)

// Call is a case of testdata/dynamodb: a call of DynamoDB and the checks that
// IAM makes of it, or why it is refused.
type Call struct {
	File      string `json:"-"`
	Name      string
	Source    string
	Why, Twin string
	Operation string
	// Body is what is sent.
	Body []byte `json:"-"`
	// Checks are absent if the call is refused.
	Checks []CallCheck
	// Error is the text of the refusal. Kind says more of it: operation, table,
	// index or keys; empty otherwise.
	Error, Kind string

	Scope  dynamoitem.Scope  `json:"-"`
	Tables dynamoitem.Tables `json:"-"`
}

// CallCheck is one check. Context holds the context keys that the request
// determines.
type CallCheck struct {
	Action, Resource string
	Context          map[string][]string
}

// callFile is one file of testdata/dynamodb.
type callFile struct {
	Scope  dynamoitem.Scope
	Tables map[string]callTable
	Cases  []struct {
		Call
		Body json.RawMessage
		Raw  *string
	}
}

type callTable struct {
	dynamoitem.Key
	Indexes map[string]dynamoitem.Key
}

// Calls loads testdata/dynamodb. It fails the test if a case cannot be read or
// there is none.
func Calls(t testing.TB) []Call {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(Dir("dynamodb"), "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	out := make([]Call, 0, 64*len(files))
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var f callFile
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&f); err != nil {
			t.Fatal(path, err)
		}
		for _, c := range f.Cases {
			call := c.Call
			call.File, call.Scope, call.Tables, call.Body = filepath.Base(path), f.Scope, f.find, c.Body
			if c.Raw != nil {
				call.Body = []byte(*c.Raw)
			}
			out = append(out, call)
		}
	}
	if len(out) == 0 {
		t.Fatal("no case in testdata/dynamodb")
	}
	return out
}

// find is the schema of the file's table of that name, in every account.
func (f *callFile) find(arn string) (dynamoitem.Table, bool) {
	t, ok := f.Tables[arn[strings.LastIndexByte(arn, '/')+1:]]
	return dynamoitem.Table{Key: t.Key, Indexes: t.Indexes}, ok
}
