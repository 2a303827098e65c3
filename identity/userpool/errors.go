package userpool

import (
	"context"
	"errors"

	"github.com/rowan-authz/rowan/identity"
)

// The codes that user pools have beside those of package identity. Source:
// identity-protocol §2.5 (the service model).
const (
	AliasExists              identity.Code = "AliasExistsException"
	CodeDeliveryFailure      identity.Code = "CodeDeliveryFailureException"
	CodeMismatch             identity.Code = "CodeMismatchException"
	EnableSoftwareTokenMFA   identity.Code = "EnableSoftwareTokenMFAException"
	ExpiredCode              identity.Code = "ExpiredCodeException"
	InvalidPassword          identity.Code = "InvalidPasswordException"
	PasswordResetRequired    identity.Code = "PasswordResetRequiredException"
	RefreshTokenReuse        identity.Code = "RefreshTokenReuseException"
	SoftwareTokenMFANotFound identity.Code = "SoftwareTokenMFANotFoundException"
	Unauthorized             identity.Code = "UnauthorizedException"
	UnsupportedOperation     identity.Code = "UnsupportedOperationException"
	UnsupportedTokenType     identity.Code = "UnsupportedTokenTypeException"
	UnsupportedUserState     identity.Code = "UnsupportedUserStateException"
	UserNotConfirmed         identity.Code = "UserNotConfirmedException"
	UserNotFound             identity.Code = "UserNotFoundException"
	UsernameExists           identity.Code = "UsernameExistsException"
)

func errUserNotFound() error { return identity.Errorf(UserNotFound, "User does not exist.") }

func errWrongPassword() error {
	return identity.Errorf(identity.NotAuthorized, "Incorrect username or password.")
}

func errDisabled() error { return identity.Errorf(identity.NotAuthorized, "User is disabled.") }

func errAttemptLimit() error {
	return identity.Errorf(identity.LimitExceeded, "Attempt limit exceeded, please try after some time.")
}

func invalid(format string, args ...any) error {
	return identity.Errorf(identity.InvalidParameter, format, args...)
}

func notAuthorized(format string, args ...any) error {
	return identity.Errorf(identity.NotAuthorized, format, args...)
}

// keptError is an answer whose transaction is committed all the same: a wrong
// guess is refused, and that it was made must be remembered.
type keptError struct{ error }

// keep returns err so that update commits.
func keep(err error) error { return keptError{err} }

// update runs f in one transaction. If f returns an error, nothing of what it
// wrote is kept, unless the error is one of keep.
func (d *Directory) update(ctx context.Context, f func(identity.Tx) error) error {
	var answer error
	err := d.store.Update(ctx, func(tx identity.Tx) error {
		answer = f(tx)
		if kept, ok := errors.AsType[keptError](answer); ok {
			answer = kept.error
			return nil
		}
		return answer
	})
	if err != nil {
		return err
	}
	return answer
}
