package userpool

import "time"

// Config is a user pool as a bundle describes it. Zero values are the strict
// or usual choice, as each field says; New refuses what it cannot honour.
// Source: identity-protocol §2.1, §2.2.
type Config struct {
	// ID is REGION_ALPHANUMERICS, 1 to 55 bytes.
	ID, Name string
	// MFA is "OFF", "OPTIONAL" or "ON"; empty means OFF.
	MFA string
	// SignUp lets strangers make accounts; without it only administrators do.
	SignUp bool
	// UsernameAttributes may hold "email": users then sign in with it, and
	// their user name is their sub. AliasAttributes may hold "email" and
	// "preferred_username": further names to sign in with. A pool has at most
	// one of the two.
	UsernameAttributes, AliasAttributes []string
	// AutoVerified may hold "email": its address is verified by a code.
	AutoVerified []string
	// Attributes are the custom attributes, with their prefix "custom:", and
	// standard ones that are required or bounded.
	Attributes []AttributeConfig
	// Password is what passwords must have.
	Password PasswordPolicy
	// Clients are the apps through which users sign in.
	Clients []ClientConfig
	// Groups are what administrators put users into.
	Groups []GroupConfig
	// TOTPIssuer is the name that authenticator apps show; empty means Name.
	TOTPIssuer string
}

// PasswordPolicy bounds the passwords of a pool.
type PasswordPolicy struct {
	// MinimumLength is 6 to 99; 0 means 8.
	MinimumLength int
	// RequireUppercase, RequireLowercase, RequireNumbers and RequireSymbols want
	// one of each.
	RequireUppercase, RequireLowercase, RequireNumbers, RequireSymbols bool
	// TemporaryDays is how long an administrator's password is good for, 1 to
	// 365; 0 means 7.
	TemporaryDays int
}

// AttributeConfig describes one attribute of users.
type AttributeConfig struct {
	Name string
	// Mutable attributes may change after sign-up. Required ones must be given
	// there.
	Mutable, Required bool
	// Min and Max bound the length in characters; Max 0 means 2048.
	Min, Max int
}

// GroupConfig is a group of users.
type GroupConfig struct {
	Name string
	// Description is for people.
	Description string
	// RoleARN is the role that membership offers, empty for none.
	RoleARN string
	// Precedence ranks groups, the lowest first; -1 means none, which ranks
	// last.
	Precedence int
}

// ClientConfig is an app client of a pool.
type ClientConfig struct {
	// ID is unique over all pools of a deployment, 1 to 128 of [\w+].
	ID, Name string
	// HasSecret means that every call of the client proves its secret, which
	// Options.Secrets holds.
	HasSecret bool
	// Flows are what the client may use: USER_SRP_AUTH, USER_PASSWORD_AUTH,
	// REFRESH_TOKEN_AUTH, ADMIN_USER_PASSWORD_AUTH.
	Flows []string
	// PreventUserExistenceErrors answers calls for unknown users as if the user
	// existed.
	PreventUserExistenceErrors bool
	// Revocation lets RevokeToken end a sign-in.
	Revocation bool
	// Lifetimes; zero means 1 h, 1 h, 30 days, and 3 minutes for a challenge.
	IDTokenLife, AccessTokenLife, RefreshTokenLife, SessionLife time.Duration
	// CallbackURLs and LogoutURLs are where the hosted page may go back to,
	// compared exactly; Scopes are what it may ask for.
	CallbackURLs, LogoutURLs, Scopes []string
	// ReadAttributes and WriteAttributes are what the client sees in ID tokens
	// and may change; nil means all standard and custom attributes. What only
	// the pool may write stays so.
	ReadAttributes, WriteAttributes []string
	// RotateRefresh gives a new refresh token with every use of one; the old
	// one stays good for RotateGrace, 0 to 60 s.
	RotateRefresh bool
	// RotateGrace is how long a refresh token that was used stays good.
	RotateGrace time.Duration
}
