package dynamoproof

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// maxAnswer is how much of an answer is read: a page has a megabyte at most.
const maxAnswer = 4 << 20

// fault is an error that the server reports.
type fault struct {
	Type    string `json:"__type"`
	Message string `json:"message"`
	status  int
}

func (f *fault) Error() string {
	return fmt.Sprintf("the server answers %d %.200s: %.500s", f.status, f.Type, f.Message)
}

// call sends a body as it stands and reads the answer into one.
func (s *Store) call(ctx context.Context, operation string, body []byte, answer any) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.0")
	r.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	sum := sha256.Sum256(body)
	if err := s.signer.SignHTTP(ctx, s.options.Credentials, r, hex.EncodeToString(sum[:]), "dynamodb", s.options.Region, s.options.Now()); err != nil {
		return err
	}
	response, err := s.client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		f := &fault{status: response.StatusCode}
		if json.Unmarshal(text, f) != nil {
			f.Message = string(text)
		}
		return f
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

// invoke is call for a body that is made here.
func (s *Store) invoke(ctx context.Context, operation string, in, answer any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return s.call(ctx, operation, body, answer)
}

// create makes the table of a case.
func (s *Store) create(ctx context.Context, t *table) error {
	definitions, schema := make([]map[string]string, len(t.attributes)), make([]map[string]string, len(t.attributes))
	for i, a := range t.attributes {
		definitions[i] = map[string]string{"AttributeName": a.Name, "AttributeType": a.Type}
		schema[i] = map[string]string{"AttributeName": a.Name, "KeyType": [2]string{"HASH", "RANGE"}[i]}
	}
	err := s.invoke(ctx, "CreateTable", map[string]any{
		"TableName": t.name, "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": definitions, "KeySchema": schema,
	}, nil)
	if err != nil {
		return err
	}
	s.made = append(s.made, t.name)
	for range 600 {
		var d struct{ Table struct{ TableStatus string } }
		if err := s.invoke(ctx, "DescribeTable", map[string]string{"TableName": t.name}, &d); err != nil {
			return err
		}
		if d.Table.TableStatus == "ACTIVE" {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return fmt.Errorf("the table %s does not become active", t.name)
}

// Close deletes the tables that the store made.
func (s *Store) Close(ctx context.Context) error {
	for _, name := range s.made {
		if err := s.invoke(ctx, "DeleteTable", map[string]string{"TableName": name}, nil); err != nil {
			return err
		}
	}
	s.made = nil
	return nil
}

// renamed is a body about the table of a policy, about the one here.
func renamed(body []byte, from, to string) ([]byte, error) {
	var b map[string]any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&b); err != nil {
		return nil, err
	}
	if items, ok := b["RequestItems"].(map[string]any); ok && items[from] != nil {
		items[to] = items[from]
		delete(items, from)
	} else if b["TableName"] == from {
		b["TableName"] = to
	} else {
		return nil, fmt.Errorf("a request that is not about %s: %.500s", from, body)
	}
	return json.Marshal(b)
}

// anonymous are credentials for servers that take any.
func anonymous(c aws.Credentials) aws.Credentials {
	if strings.TrimSpace(c.AccessKeyID) == "" {
		return aws.Credentials{AccessKeyID: "rowan", SecretAccessKey: "rowan"}
	}
	return c
}
