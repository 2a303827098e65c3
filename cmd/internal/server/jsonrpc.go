package server

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/rowan-authz/rowan/engine"
)

const (
	json11 = "application/x-amz-json-1.1"
	form   = "application/x-www-form-urlencoded"
)

// maxHeaderText bounds what an error's message takes in a header.
const maxHeaderText = 1024

// callJSON answers a request of a service that speaks JSON 1.1.
func (x *exchange) callJSON() {
	svc, name, err := x.target()
	if err != nil {
		x.fail(err)
		return
	}
	op, err := svc.operation(name)
	if err != nil {
		x.fail(err)
		return
	}
	x.service, x.operation = svc.name, name
	out, err := x.perform(svc, name, op)
	if err != nil {
		x.fail(err)
		return
	}
	x.replyJSON(out)
}

// perform runs an operation for whoever may.
func (x *exchange) perform(svc *service, name string, op *operation) (any, error) {
	if !op.signed {
		// A signature on an operation that needs none grants nothing and is not
		// looked at. Source: identity-protocol §0.2.
		if err := x.admit(); err != nil {
			return nil, err
		}
		body, err := x.body(maxBody)
		if err != nil {
			return nil, err
		}
		if _, err := op.read(body); err != nil {
			return nil, err
		}
		return op.run(x.r.Context(), body)
	}
	who, body, err := x.authenticate(svc.name)
	if err != nil {
		return nil, err
	}
	members, err := op.read(body)
	if err != nil {
		return nil, err
	}
	resource, err := x.resource(svc.name, op, members)
	if err != nil {
		return nil, err
	}
	if err := x.authorize(who, svc.name+":"+name, resource); err != nil {
		return nil, err
	}
	return op.run(engine.WithCaller(x.r.Context(), who), body)
}

// target finds the service and the operation that X-Amz-Target names.
func (x *exchange) target() (*service, string, error) {
	targets := x.r.Header.Values("X-Amz-Target")
	if len(targets) == 1 {
		if dot := strings.LastIndexByte(targets[0], '.'); dot >= 0 {
			for _, svc := range x.services {
				if svc.prefix == targets[0][:dot] {
					return svc, targets[0][dot+1:], nil
				}
			}
		}
	}
	return nil, "", unknownOperation()
}

func (s *service) operation(name string) (*operation, error) {
	op, ok := s.operations[name]
	switch {
	case ok:
		return op, nil
	case slices.Contains(s.fixed, name):
		return nil, badRequest("NotAuthorizedException", "%s is not possible: the pools, clients, groups and roles of this deployment come from its bundle.", name)
	case slices.Contains(s.missing, name):
		return nil, badRequest("InvalidParameterException", "%s is not supported by this deployment.", name)
	}
	return nil, unknownOperation()
}

func unknownOperation() *fault {
	return badRequest("UnknownOperationException", "The request names no operation of this service.")
}

// replyJSON answers with the output of an operation; nil is an empty object.
func (x *exchange) replyJSON(out any) {
	body, err := json.Marshal(out)
	if err != nil {
		x.fail(internal(err))
		return
	}
	if string(body) == "null" {
		body = []byte("{}")
	}
	x.reply(http.StatusOK, x.contentType, body)
}

// refuseJSON writes an error in all the places where SDKs look for it. Source:
// identity-protocol §0.4.
func refuseJSON(x *exchange, f *fault) {
	body, err := json.Marshal(struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{f.code, f.message})
	if err != nil { // two strings always encode
		body = []byte(`{"__type":"InternalErrorException"}`)
	}
	x.w.Header().Set("X-Amzn-Errortype", headerText(f.code)+":")
	x.w.Header().Set("X-Amzn-Errormessage", headerText(f.message))
	x.reply(f.status, x.contentType, body)
}

// headerText keeps of s what may stand in a header: a line break would begin
// another.
func headerText(s string) string {
	var b strings.Builder
	for i := 0; i < len(s) && b.Len() < maxHeaderText; i++ {
		if c := s[i]; c >= 0x20 && c < 0x7f {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// mediaType returns the media type of the request without its parameters, in
// lower case.
func mediaType(h http.Header) string {
	types := h.Values("Content-Type")
	if len(types) != 1 {
		return ""
	}
	t, _, _ := strings.Cut(types[0], ";")
	return strings.ToLower(strings.TrimSpace(t))
}
