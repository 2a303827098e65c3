package identity

// MappingTrace is how one provider's role mapping fared.
type MappingTrace struct {
	// Type is "Token" or "Rules".
	Type string `json:"type"`
	// Candidates are the roles that the token offers, Preferred the one it
	// prefers, for the type Token.
	Candidates []string `json:"candidates,omitempty"`
	Preferred  string   `json:"preferred,omitempty"`
	// Rules are in order, for the type Rules.
	Rules []RuleTrace `json:"rules,omitempty"`
	// Role is what the mapping gives, empty if it refuses; Reason says why.
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason"`
}

// RuleTrace is how one rule fared.
type RuleTrace struct {
	RoleRule
	Matched bool `json:"matched"`
	// Why says what the rule compared.
	Why string `json:"why"`
}
