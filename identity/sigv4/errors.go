package sigv4

import (
	"errors"
	"fmt"
	"net/http"
)

// Kind is why a request is refused. Each has a name in each wire protocol. The
// zero value is no refusal of ours and reads as an internal error.
type Kind uint8

// The refusals. Source: identity-protocol §4.3, §4.5.
const (
	_ Kind = iota
	// NoCredentials: the request is not signed.
	NoCredentials
	// BothForms: it is signed by header and by query.
	BothForms
	// Malformed: the signature or the request cannot be read, or has two
	// readings.
	Malformed
	// WrongScope: it is signed for another region, service or day.
	WrongScope
	// NotSigned: a header that the signature must cover is not covered.
	NotSigned
	// ClockSkew: its date is too far from now.
	ClockSkew
	// RequestExpired: it is presigned and too late.
	RequestExpired
	// UnknownKey: nobody has the access key.
	UnknownKey
	// BadToken: the session token is not the access key's.
	BadToken
	// ExpiredToken: the session is over.
	ExpiredToken
	// Mismatch: the signature is not that of the request, or of a chunk.
	Mismatch
	// BodyHash: the body is not the one that was signed.
	BodyHash
	// NoBodyHash: S3 requires x-amz-content-sha256, and it is missing.
	NoBodyHash
	// UnsignedBody: the body is not covered, and others could alter it.
	UnsignedBody
	// BodyTooLarge: the body is larger than MaxBody.
	BodyTooLarge
	// NoLength: a streaming body without x-amz-decoded-content-length.
	NoLength
	// IncompleteBody: the body ended early, or is not as long as announced.
	IncompleteBody
	// BadChunk: a streaming body is not well-formed.
	BadChunk
	// ChunkSize: a chunk other than the last is smaller than 8 KiB.
	ChunkSize
	// BadTrailer: the trailers are not those that were announced.
	BadTrailer
	// BadDigest: the body does not have the checksum of its trailer.
	BadDigest
	// NotImplemented: SigV4A, or a trailer that cannot be checked.
	NotImplemented
	// Unavailable: Lookup could not answer.
	Unavailable
)

// What Lookup returns, wrapped or not. Any other error is Unavailable.
var (
	// ErrUnknownKey means an access key that nobody has.
	ErrUnknownKey = errors.New("unknown access key")
	// ErrBadToken means a session token that does not belong to the access
	// key, is missing, or is there for a long-term key.
	ErrBadToken = errors.New("bad session token")
	// ErrExpired means a session that is over.
	ErrExpired = errors.New("session expired")
)

// Error is a refusal. Message may be shown to the client: it holds neither a
// signature nor a canonical request, and of what the client sent only short
// pieces of known form. What is behind it, such as the error of Lookup, is for
// logs: Unwrap returns it.
type Error struct {
	Kind    Kind
	Message string

	presigned bool
	cause     error
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Unwrap returns the cause, nil if there is none.
func (e *Error) Unwrap() error { return e.cause }

// Refusal returns the refusal that an error of Lookup leads to. It is for
// whoever asks again after Verify, such as for a session that has ended since.
func Refusal(err error) *Error {
	const invalid = "The security token included in the request is invalid."
	switch {
	case errors.Is(err, ErrUnknownKey):
		return refuse(UnknownKey, invalid).because(err)
	case errors.Is(err, ErrBadToken):
		return refuse(BadToken, invalid).because(err)
	case errors.Is(err, ErrExpired):
		return refuse(ExpiredToken, "The security token included in the request is expired.").because(err)
	}
	return refuse(Unavailable, "The request could not be authenticated. Try again.").because(err)
}

func refuse(k Kind, format string, args ...any) *Error {
	return &Error{Kind: k, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) because(cause error) *Error {
	e.cause = cause
	return e
}

// answer is a refusal in one protocol.
type answer struct {
	status int
	code   string
}

type answers struct{ json, query, s3 answer }

const (
	bad       = http.StatusBadRequest
	forbidden = http.StatusForbidden
)

// wire is the table of identity-protocol §4.5. Codes of JSON services end in
// Exception and have the status 400. Rows that the table does not have, such
// as those of bodies, take the code of S3 and the nearest of the others.
var wire = [...]answers{
	NoCredentials:  {answer{bad, "MissingAuthenticationTokenException"}, answer{forbidden, "MissingAuthenticationToken"}, answer{forbidden, "AccessDenied"}},
	BothForms:      {answer{bad, "InvalidSignatureException"}, answer{bad, "IncompleteSignature"}, answer{bad, "InvalidArgument"}},
	Malformed:      {answer{bad, "IncompleteSignatureException"}, answer{bad, "IncompleteSignature"}, answer{bad, "AuthorizationHeaderMalformed"}},
	WrongScope:     {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "AuthorizationHeaderMalformed"}},
	NotSigned:      {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{forbidden, "AccessDenied"}},
	ClockSkew:      {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{forbidden, "RequestTimeTooSkewed"}},
	RequestExpired: {answer{bad, "InvalidSignatureException"}, answer{bad, "RequestExpired"}, answer{forbidden, "AccessDenied"}},
	UnknownKey:     {answer{bad, "UnrecognizedClientException"}, answer{forbidden, "InvalidClientTokenId"}, answer{forbidden, "InvalidAccessKeyId"}},
	BadToken:       {answer{bad, "UnrecognizedClientException"}, answer{forbidden, "InvalidClientTokenId"}, answer{bad, "InvalidToken"}},
	ExpiredToken:   {answer{bad, "ExpiredTokenException"}, answer{forbidden, "ExpiredToken"}, answer{bad, "ExpiredToken"}},
	Mismatch:       {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{forbidden, "SignatureDoesNotMatch"}},
	BodyHash:       {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "XAmzContentSHA256Mismatch"}},
	NoBodyHash:     {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "MissingSecurityHeader"}},
	UnsignedBody:   {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "InvalidRequest"}},
	BodyTooLarge:   {answer{http.StatusRequestEntityTooLarge, "RequestEntityTooLargeException"}, answer{http.StatusRequestEntityTooLarge, "RequestEntityTooLarge"}, answer{bad, "EntityTooLarge"}},
	NoLength:       {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{http.StatusLengthRequired, "MissingContentLength"}},
	IncompleteBody: {answer{bad, "SerializationException"}, answer{bad, "MalformedQueryString"}, answer{bad, "IncompleteBody"}},
	BadChunk:       {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "InvalidRequest"}},
	ChunkSize:      {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{forbidden, "InvalidChunkSizeError"}},
	BadTrailer:     {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "MalformedTrailerError"}},
	BadDigest:      {answer{bad, "InvalidSignatureException"}, answer{forbidden, "SignatureDoesNotMatch"}, answer{bad, "BadDigest"}},
	NotImplemented: {answer{bad, "IncompleteSignatureException"}, answer{bad, "IncompleteSignature"}, answer{http.StatusNotImplemented, "NotImplemented"}},
	Unavailable:    {answer{http.StatusInternalServerError, "InternalErrorException"}, answer{http.StatusInternalServerError, "InternalFailure"}, answer{http.StatusInternalServerError, "InternalError"}},
}

func (e *Error) answers() answers {
	if int(e.Kind) >= len(wire) || e.Kind == 0 {
		return wire[Unavailable]
	}
	return wire[e.Kind]
}

// JSON returns the status and the error type of a JSON service.
func (e *Error) JSON() (status int, name string) {
	a := e.answers().json
	return a.status, a.code
}

// Query returns the status and the code of a query service, such as STS.
func (e *Error) Query() (status int, code string) {
	a := e.answers().query
	return a.status, a.code
}

// S3 returns the status and the code of S3, which has one for malformed headers
// and another for malformed query parameters.
func (e *Error) S3() (status int, code string) {
	if e.presigned && (e.Kind == Malformed || e.Kind == WrongScope) {
		return bad, "AuthorizationQueryParametersError"
	}
	a := e.answers().s3
	return a.status, a.code
}
