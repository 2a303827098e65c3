package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/rowan-authz/rowan/access/dynamoitem"
	"github.com/rowan-authz/rowan/cmd/internal/server"
	"github.com/rowan-authz/rowan/conditions"
	"github.com/rowan-authz/rowan/engine"
	"github.com/rowan-authz/rowan/identity"
	"github.com/rowan-authz/rowan/identity/httpauth"
	"github.com/rowan-authz/rowan/identity/sigv4"
)

// The wire of DynamoDB. Source: identity-protocol §0.1, §0.4.
const (
	json10       = "application/x-amz-json-1.0"
	targetPrefix = "DynamoDB_20120810."
	// What stands before the names of errors.
	coralService  = "com.amazon.coral.service#"
	coralValidate = "com.amazon.coral.validate#"
	dynamoModel   = "com.amazonaws.dynamodb.v20120810#"
)

// DynamoDB guards a server that speaks the protocol of DynamoDB, under one
// deployment.
type DynamoDB struct {
	*guard
	verified http.Handler
	scope    dynamoitem.Scope
	endpoint string
	tables   *tables
}

// NewDynamoDB returns the guard of an upstream. The key schemas of tables are
// the bundle's; those of other tables the upstream tells.
func NewDynamoDB(o Options) (http.Handler, error) {
	g, err := newGuard(o, "dynamodb")
	if err != nil {
		return nil, err
	}
	known := &schemas{learnt: map[string]learnt{}}
	return follow(o.Current, func() { o.Metrics.Panicked("dynamodb") }, func(s *server.Deployment) (http.Handler, error) { return g.dynamoDB(s, known) })
}

func (g *guard) dynamoDB(s *server.Deployment, known *schemas) (*DynamoDB, error) {
	g, err := g.under(s)
	if err != nil {
		return nil, err
	}
	d := &DynamoDB{guard: g, scope: dynamoitem.Scope{Partition: s.Account.Partition, Region: s.Account.Region, Account: s.Account.ID}, endpoint: g.base.String() + "/"}
	d.tables = newTables(s.Bundle, known, d.describe, g.options.Now)
	d.verified, err = g.authenticated(sigv4.Options{MaxBody: maxRequest, Hosts: g.options.Hosts}, d.refuse, http.HandlerFunc(d.serve))
	return d, err
}

// dynamoError is an error as DynamoDB has it.
type dynamoError struct {
	status          int
	namespace, name string
	message         string
	cause           error
}

func (f *dynamoError) Error() string { return f.name + ": " + f.message }

func (f *dynamoError) Unwrap() error { return f.cause }

func badCall(namespace, name, message string) *dynamoError {
	return &dynamoError{status: http.StatusBadRequest, namespace: namespace, name: name, message: message}
}

// ServeHTTP answers one request.
func (d *DynamoDB) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answered(d.receive, w, r)
}

func (d *DynamoDB) receive(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Amzn-Requestid", requestID(d.options.Random))
	w.Header().Set("Date", d.options.Now().UTC().Format(http.TimeFormat)) // clients set their clock by it
	if r.Method != http.MethodPost || r.RequestURI != "/" {
		d.fail(w, r, &dynamoError{http.StatusNotFound, coralService, "UnknownOperationException", "", nil})
		return
	}
	d.verified.ServeHTTP(w, r.WithContext(identity.WithClient(r.Context(), httpauth.ClientOf(r))))
}

// serve answers a request whose signature holds.
func (d *DynamoDB) serve(w http.ResponseWriter, r *http.Request) {
	if err := d.answer(w, r); err != nil {
		d.fail(w, r, err)
	}
}

func (d *DynamoDB) answer(w http.ResponseWriter, r *http.Request) error {
	caller, ok := engine.CallerFrom(r.Context())
	if !ok {
		return errors.New("a request without a caller")
	}
	name, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if !ok || !isJSON(r.Header.Get("Content-Type")) {
		return badCall(coralService, "UnknownOperationException", "")
	}
	body, err := io.ReadAll(r.Body) // the verifier has read it, and no more than maxRequest
	if err != nil {
		return err
	}
	op, err := dynamoitem.Parse(d.scope, name, body)
	if err != nil {
		return err
	}
	checks, err := d.checks(r.Context(), caller, op)
	if err != nil {
		return err
	}
	keys := identity.ClientFrom(r.Context()).Keys(d.options.Now(), d.Account.Region)
	for i := range checks {
		c := &checks[i]
		if err := d.ask(r.Context(), caller, &question{c.Action, c.Resource, c.Fill, keys}); err != nil {
			return err
		}
	}
	return d.forward(w, r, op, body)
}

func isJSON(contentType string) bool {
	if contentType == json10 {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == json10
}

// checks are those of an operation, with the key schemas of its tables.
func (d *DynamoDB) checks(ctx context.Context, caller *engine.Caller, op *dynamoitem.Operation) ([]dynamoitem.Check, error) {
	for _, arn := range op.Tables() {
		if !strings.HasPrefix(arn, d.tableARN("")) {
			// The upstream knows names alone and would take its own table.
			return nil, badCall(coralValidate, "ValidationException", "Tables of other accounts and regions are not served here")
		}
		err := d.tables.learn(ctx, arn)
		switch {
		case errors.Is(err, errNoTable):
			return nil, d.missing(ctx, caller, op, arn)
		case err != nil:
			return nil, err
		}
	}
	return op.Checks(d.tables.find)
}

func (d *DynamoDB) tableARN(name string) string {
	return "arn:" + d.scope.Partition + ":dynamodb:" + d.scope.Region + ":" + d.scope.Account + ":table/" + name
}

// missing answers for a table that the upstream does not have. Only who may use
// it whatever its keys learns that it is not there.
func (d *DynamoDB) missing(ctx context.Context, caller *engine.Caller, op *dynamoitem.Operation, arn string) error {
	q := question{action: "dynamodb:" + op.Name(), resource: arn, keys: identity.ClientFrom(ctx).Keys(d.options.Now(), d.Account.Region)}
	q.fill = func(x *conditions.Context) error {
		for _, key := range []string{"dynamodb:LeadingKeys", "dynamodb:FirstPartitionKeyValues", "dynamodb:Attributes", "aws:ResourceTag/"} {
			if err := x.SetIndeterminate(key); err != nil {
				return err
			}
		}
		return nil
	}
	if err := d.ask(ctx, caller, &q); err != nil {
		return err
	}
	return badCall(dynamoModel, "ResourceNotFoundException", "Requested resource not found")
}

// forward sends the call on and relays the answer.
func (d *DynamoDB) forward(w http.ResponseWriter, r *http.Request, op *dynamoitem.Operation, body []byte) error {
	answer, err := d.call(r.Context(), op.Name(), body)
	if err != nil {
		return unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	d.tables.changed(op.Name())
	if answer.StatusCode == http.StatusOK {
		if err := relay(w, answer, "X-Amzn-Requestid"); err != nil {
			d.options.Log.LogAttrs(r.Context(), slog.LevelDebug, "an answer was not read to its end", slog.Any("error", err))
		}
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return unreachable(err)
	}
	if strings.Contains(string(text), "ValidationException") {
		d.tables.forget(op.Tables()) // the keys may be others now
	}
	pass(w.Header(), answer.Header, "Date", "Server", "X-Amzn-Requestid")
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(text) // a client that has left is told nothing
	return nil
}

// call calls the upstream.
func (d *DynamoDB) call(ctx context.Context, operation string, body []byte) (*http.Response, error) {
	out, err := http.NewRequestWithContext(ctx, http.MethodPost, d.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	out.Header.Set("Content-Type", json10)
	out.Header.Set("X-Amz-Target", targetPrefix+operation)
	out.Header["User-Agent"] = nil
	return d.send(out, hashOf(body))
}

func unreachable(cause error) *dynamoError {
	return &dynamoError{http.StatusServiceUnavailable, coralService, "ServiceUnavailableException", "The store behind this server does not answer. Please try again.", cause}
}

// refuse answers for a signature that does not hold.
func (d *DynamoDB) refuse(w http.ResponseWriter, r *http.Request, e *sigv4.Error) {
	status, name := e.JSON()
	d.write(w, r, &dynamoError{status: status, namespace: coralService, name: name, message: e.Message})
}

// fail answers with an error.
func (d *DynamoDB) fail(w http.ResponseWriter, r *http.Request, err error) {
	var no *denied
	var f *dynamoError
	var read *dynamoitem.Error
	switch {
	case errors.As(err, &no):
		f = badCall(coralService, "AccessDeniedException", no.text)
	case errors.As(err, &f):
	case errors.Is(err, errOverdue):
		f = &dynamoError{http.StatusServiceUnavailable, coralService, "ServiceUnavailableException", "The policies of this server are out of date. Please try again later.", err}
	case errors.Is(err, errUnrecorded):
		f = &dynamoError{http.StatusServiceUnavailable, coralService, "ServiceUnavailableException", "The request could not be recorded. Please try again later.", err}
	case errors.Is(err, dynamoitem.ErrUnknownOperation):
		f = badCall(coralService, "UnknownOperationException", "")
	case errors.As(err, &read):
		f = badCall(coralValidate, "ValidationException", read.Error())
	default:
		f = &dynamoError{http.StatusInternalServerError, dynamoModel, "InternalServerError", "The request could not be processed.", err}
	}
	if f.cause != nil {
		d.options.Log.LogAttrs(r.Context(), slog.LevelError, "a call of DynamoDB failed", slog.String("code", f.name), slog.Any("error", f.cause))
	}
	d.write(w, r, f)
}

// write writes an error with its checksum. Source: identity-protocol §0.4, §0.6.
func (d *DynamoDB) write(w http.ResponseWriter, r *http.Request, f *dynamoError) {
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message,omitempty"`
	}{f.namespace + f.name, f.message})
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", json10)
	w.Header().Set("X-Amzn-Errortype", f.name+":")
	w.Header().Set("X-Amz-Crc32", strconv.FormatUint(uint64(crc32.ChecksumIEEE(body)), 10))
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(f.status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // a client that has left is told nothing
	}
}
