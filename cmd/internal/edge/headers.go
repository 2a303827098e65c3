package edge

// Header is a header that a proxy sets on the call that it lets through.
type Header struct{ Name, Value string }

// The headers that say who calls.
const (
	IdentityHeader  = "X-Rowan-Identity"
	PrincipalHeader = "X-Rowan-Principal"
	ProviderHeader  = "X-Rowan-Provider"
	SubjectHeader   = "X-Rowan-Subject"
	DecisionHeader  = "X-Rowan-Decision-Id"
	DataHeader      = "X-Amzn-Oidc-Data"
)

// Headers are those of a verdict. They are always all there, empty if there is
// nothing to say, so that they replace what a client sent under these names.
func (v *Verdict) Headers() []Header {
	w := &v.Who
	return []Header{
		{IdentityHeader, fit(w.Identity)},
		{PrincipalHeader, fit(w.Principal)},
		{ProviderHeader, fit(w.Provider)},
		{SubjectHeader, fit(w.Subject)},
		{DecisionHeader, fit(v.DecisionID)},
		{DataHeader, v.Data},
	}
}

// fit returns what may stand in a header as it is, and nothing for all else: who
// wants a name that is not ASCII finds it in DataHeader.
func fit(s string) string {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return ""
		}
	}
	return s
}
