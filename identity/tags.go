package identity

// TagTrace is a tag that a login gives, or would give.
type TagTrace struct {
	Tag      string `json:"tag"`
	Provider string `json:"provider,omitempty"`
	// Claim is where the value comes from.
	Claim string `json:"claim,omitempty"`
	Value string `json:"value,omitempty"`
	// Set says that the session has the tag; Why says why not.
	Set bool   `json:"set"`
	Why string `json:"why,omitempty"`
}
