package web

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/rowan-authz/rowan/internal/strictjson"
)

// Bounds of bodies. A question has up to 512 context keys, a batch 1,024
// questions.
var (
	oneQuestion   = strictjson.Limits{Depth: 16, Members: 2_000, Bytes: 1 << 20}
	manyQuestions = strictjson.Limits{Depth: 16, Members: 50_000, Bytes: 1 << 20}
	largeQuestion = strictjson.Limits{Depth: 8, Members: 2_000, Bytes: 4 << 20}
)

// read reads a body that is one JSON object, once it knows that who calls may
// ask.
func (x *exchange) read(limits strictjson.Limits) (object, error) {
	p, err := x.peer(x.r)
	if err != nil {
		return object{}, err
	}
	if err := x.admit(p); err != nil {
		return object{}, err
	}
	media, params, err := mime.ParseMediaType(x.r.Header.Get("Content-Type"))
	charset, given := params["charset"]
	switch {
	case err != nil || len(x.r.Header["Content-Type"]) != 1 || media != "application/json" || given && !strings.EqualFold(charset, "utf-8"):
		return object{}, invalid("the Content-Type must be application/json")
	case len(x.r.Header["Content-Encoding"]) > 0:
		return object{}, invalid("the body must have no Content-Encoding")
	}
	body, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, int64(limits.Bytes)))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return object{}, invalid("the body has more than %d bytes", limits.Bytes)
	case err != nil:
		return object{}, invalid("the body ended early")
	}
	m, err := strictjson.Object(body, limits)
	if err != nil {
		return object{}, invalid("%v", err)
	}
	return object{err: new(error), m: m}, nil
}

// invalid refuses what cannot be understood.
func invalid(format string, args ...any) error {
	return status.Errorf(codes.InvalidArgument, format, args...)
}
