package userpool

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
)

// SignInStep is what a sign-in on the hosted page comes to.
type SignInStep struct {
	// Challenge is what the user is asked for next: NEW_PASSWORD_REQUIRED,
	// SOFTWARE_TOKEN_MFA or MFA_SETUP. It is empty when the user is signed in.
	Challenge string
	// Session goes with the answer.
	Session Sensitive
	// Missing are the attributes that NEW_PASSWORD_REQUIRED wants.
	Missing []string
	// Secret is what MFA_SETUP puts into an authenticator app.
	Secret Sensitive
	// Redirect is where the browser of a user who is signed in goes: back to the
	// app, with a code.
	Redirect Sensitive
}

// SignIn begins a sign-in on the hosted page, as InitiateAuth does with
// USER_PASSWORD_AUTH. Whether the client may use that flow does not matter: it
// never sees the password.
func (a *Authorization) SignIn(ctx context.Context, username string, password Sensitive) (*SignInStep, error) {
	params := map[string]Sensitive{
		paramUsername: Sensitive(username), paramPassword: password, paramSecretHash: a.SecretHash(username),
	}
	var f faults
	f.parameters("authParameters", params)
	if err := f.err(); err != nil {
		return nil, err
	}
	if _, err := a.client.named(params); err != nil {
		return nil, err
	}
	next, err := a.d.passwordFlow(ctx, a.client, username, params, entrance{page: a})
	if err != nil {
		return nil, err
	}
	return a.show(ctx, next)
}

// Respond answers a challenge of the hosted page, as RespondToAuthChallenge
// does. For MFA_SETUP the values have the code as SOFTWARE_TOKEN_MFA_CODE. An
// error with the cause ErrSignInOver means that the sign-in begins anew; after
// any other the session is good for another answer.
func (a *Authorization) Respond(ctx context.Context, challenge string, session Sensitive, username string, values map[string]Sensitive) (*SignInStep, error) {
	params := map[string]Sensitive{paramUsername: Sensitive(username), paramSecretHash: a.SecretHash(username)}
	for name, value := range values {
		if name != paramUsername && name != paramSecretHash {
			params[name] = value
		}
	}
	var f faults
	f.parameters("challengeResponses", params)
	if err := f.err(); err != nil {
		return nil, err
	}
	if challenge == challengeVerifier {
		return nil, errSession(".")
	}
	if challenge == challengeSetup {
		verified, err := a.d.VerifySoftwareToken(ctx, &VerifySoftwareTokenInput{Session: session, UserCode: values[paramTOTP]})
		if err != nil {
			return nil, err
		}
		session = verified.Session
	}
	next, err := a.d.next(ctx, a.client, challenge, session, params, entrance{page: a})
	if err != nil {
		return nil, err
	}
	return a.show(ctx, next)
}

// show is a step as the page has it. A user who must set up a second factor
// gets the secret at once.
func (a *Authorization) show(ctx context.Context, next *step) (*SignInStep, error) {
	if next.challenge == "" {
		return &SignInStep{Redirect: Sensitive(a.back(url.Values{"code": {string(next.code)}}))}, nil
	}
	out := &SignInStep{Challenge: next.challenge, Session: next.session}
	switch next.challenge {
	case challengeNewPassword:
		if err := json.Unmarshal([]byte(next.params[paramRequired]), &out.Missing); err != nil {
			return nil, err
		}
		for i := range out.Missing {
			out.Missing[i] = strings.TrimPrefix(out.Missing[i], attributePrefix)
		}
	case challengeSetup:
		given, err := a.d.AssociateSoftwareToken(ctx, &AssociateSoftwareTokenInput{Session: next.session})
		if err != nil {
			return nil, err
		}
		out.Session, out.Secret = given.Session, given.SecretCode
	}
	return out, nil
}

// SecretHash is what proves the client's secret in calls of SignUp,
// ConfirmSignUp, ResendConfirmationCode, ForgotPassword and
// ConfirmForgotPassword that the page makes for it; "" for a client without.
func (a *Authorization) SecretHash(username string) Sensitive {
	if !a.client.HasSecret {
		return ""
	}
	return Sensitive(secretHash(a.client.secret.Reveal(), username, a.client.ID))
}

// OTPAuth is the address that puts a TOTP secret into an authenticator app.
// Source: identity-protocol §2.7.
func (a *Authorization) OTPAuth(username string, secret Sensitive) Sensitive {
	p := a.client.pool
	escape := func(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") } // apps show a plus
	return Sensitive("otpauth://totp/" + escape(p.TOTPIssuer) + ":" + escape(username) +
		"?secret=" + string(secret) + "&issuer=" + escape(p.TOTPIssuer))
}

// Client is the client whose app sent the browser. It is not to be changed.
func (a *Authorization) Client() *ClientConfig { return a.client.ClientConfig }

// Pool is the pool of the client. It is not to be changed.
func (a *Authorization) Pool() *Config { return a.client.pool.Config }

// LoginHint is the user name that the app expects, "" if it said none.
func (a *Authorization) LoginHint() string { return a.hint }

// SignUpAttributes are the attributes that a sign-up asks for: those required,
// and the address to which a code goes. The address that is the user name is
// not among them.
func (a *Authorization) SignUpAttributes() []string {
	p := a.client.pool
	names := p.missing(&user{})
	if p.verifiesEmail() && !slices.Contains(names, attrEmail) {
		names = append(names, attrEmail)
	}
	if p.byEmail() {
		names = slices.DeleteFunc(names, func(n string) bool { return n == attrEmail })
	}
	slices.Sort(names)
	return names
}
