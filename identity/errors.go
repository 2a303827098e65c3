package identity

import (
	"errors"
	"fmt"
)

// Code is the name of an error as the wire protocol has it.
type Code string

// The codes of identity pools and user pools. Source: identity-protocol §1.4,
// §2.5 (the service models).
const (
	InvalidParameter                 Code = "InvalidParameterException"
	ResourceNotFound                 Code = "ResourceNotFoundException"
	ResourceConflict                 Code = "ResourceConflictException"
	NotAuthorized                    Code = "NotAuthorizedException"
	TooManyRequests                  Code = "TooManyRequestsException"
	LimitExceeded                    Code = "LimitExceededException"
	InternalError                    Code = "InternalErrorException"
	ExternalService                  Code = "ExternalServiceException"
	InvalidIdentityPoolConfiguration Code = "InvalidIdentityPoolConfigurationException"
	DeveloperUserAlreadyRegistered   Code = "DeveloperUserAlreadyRegisteredException"
	ConcurrentModification           Code = "ConcurrentModificationException"
)

// The codes of STS. Source: identity-protocol §3.2.
const (
	STSAccessDenied            Code = "AccessDenied"
	STSExpiredToken            Code = "ExpiredTokenException"
	STSInvalidIdentityToken    Code = "InvalidIdentityToken"
	STSRejectedClaim           Code = "IDPRejectedClaim"
	STSCommunicationError      Code = "IDPCommunicationError"
	STSMalformedPolicyDocument Code = "MalformedPolicyDocument"
	STSPackedPolicyTooLarge    Code = "PackedPolicyTooLarge"
	STSValidationError         Code = "ValidationError"
)

// Error is an answer that a client may see. Message helps an honest client and
// tells a guesser nothing; what only an operator may know is the cause, which
// Unwrap returns and no wire answer holds.
type Error struct {
	Code    Code
	Message string
	cause   error
}

// Errorf makes an Error. A cause goes in with Because.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Because returns e with its cause, which logs show and clients do not.
func (e *Error) Because(cause error) *Error {
	return &Error{Code: e.Code, Message: e.Message, cause: cause}
}

// Error returns the code and the message, without the cause.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// Unwrap returns the cause, nil if there is none.
func (e *Error) Unwrap() error { return e.cause }

// CodeOf returns the code of err, InternalError for an error that is no Error
// and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return InternalError
}
