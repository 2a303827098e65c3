package sigv4

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// authorization is what a request says of its signature, in either form.
type authorization struct {
	client
	headers       headers
	signedHeaders string
	// digits are the text of signature.
	digits    string
	signature [32]byte
	// date is the text of time.
	date  string
	time  time.Time
	token string
	// presigned is the query form, which expires.
	presigned bool
	expires   time.Duration
	// bodyHash is X-Amz-Content-Sha256 of the query.
	bodyHash string
	// unknown says that the secret is a dummy.
	unknown bool
	// known is what the cache has of this client.
	known known
	// list is signedHeaders, parsed.
	list *headerList
}

// client is who signs, as Credential says.
type client struct {
	// credential is accessKeyID/scope, scope day/region/service/terminator.
	credential, accessKeyID, scope, day, region, service, terminator string
}

// The inputs of the query form. Source: identity-protocol §4.1.
const (
	queryAlgorithm     = "X-Amz-Algorithm"
	queryCredential    = "X-Amz-Credential"
	queryDate          = "X-Amz-Date"
	queryExpires       = "X-Amz-Expires"
	querySignedHeaders = "X-Amz-SignedHeaders"
	queryToken         = "X-Amz-Security-Token"
	querySignature     = "X-Amz-Signature"
	queryBodyHash      = "X-Amz-Content-Sha256"
)

var queryInputs = [...]string{queryAlgorithm, queryCredential, queryDate, queryExpires, querySignedHeaders, queryToken, querySignature}

// Bounds on what a stranger sends.
const (
	maxAccessKeyID   = 128
	maxSignedHeaders = 128
	maxToken         = 16 << 10
)

// read reads the one form that the request has.
func (a *authorization) read(q *query) *Error {
	h := &a.headers
	line := h.get(authorizationHeader)
	a.presigned = q.presigned
	switch {
	case line != "" && q.presigned:
		return refuse(BothForms, "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.")
	case q.presigned:
		return a.readQuery(q)
	case line != "":
		return a.readHeader(line)
	}
	return refuse(NoCredentials, "Request is missing Authentication Token")
}

// readHeader reads the header form.
func (a *authorization) readHeader(line string) *Error {
	scheme, rest, _ := strings.Cut(line, " ")
	if !strings.HasPrefix(scheme, "AWS4-") {
		return refuse(NoCredentials, "Request is missing Authentication Token")
	}
	if err := checkAlgorithm(scheme); err != nil {
		return err
	}
	for more := true; more; {
		var part string
		part, rest, more = strings.Cut(rest, ",")
		name, value, ok := strings.Cut(strings.Trim(part, " "), "=")
		var to *string
		switch name {
		case "Credential":
			to = &a.credential
		case "SignedHeaders":
			to = &a.signedHeaders
		case "Signature":
			to = &a.digits
		}
		if !ok || to == nil || *to != "" || value == "" {
			return refuse(Malformed, "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature', each once and with a value.")
		}
		*to = value
	}
	for _, p := range [...]struct{ name, value string }{{"Credential", a.credential}, {"SignedHeaders", a.signedHeaders}, {"Signature", a.digits}} {
		if p.value == "" {
			return refuse(Malformed, "Authorization header requires '%s' parameter.", p.name)
		}
	}
	a.token = a.headers.get(amzToken)
	a.date = a.headers.get(amzDate)
	if a.date == "" {
		// Source: identity-protocol §4.1. Date must then be signed, too.
		a.date = a.headers.get(plainDate)
	}
	if a.date == "" {
		return refuse(Malformed, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
	}
	return nil
}

// readQuery reads the query form.
func (a *authorization) readQuery(q *query) *Error {
	var values [len(queryInputs)]string
	for i, name := range queryInputs {
		value, ok := q.get(name)
		if value == "" && (name != queryToken || ok) {
			return refuse(Malformed, "AWS query-string parameters must include '%s', with a value.", name)
		}
		values[i] = value
	}
	if a.headers.lines[amzDate] != nil || a.headers.lines[amzToken] != nil {
		return refuse(BothForms, "A presigned request has no X-Amz-Date and no X-Amz-Security-Token header.")
	}
	if err := checkAlgorithm(values[0]); err != nil {
		return err
	}
	a.credential, a.date, a.signedHeaders, a.token, a.digits = values[1], values[2], values[4], values[5], values[6]
	expires, err := strconv.ParseUint(values[3], 10, 32)
	life := time.Duration(expires) * time.Second
	if err != nil || expires == 0 || life > maxPresigned || values[3] != strconv.FormatUint(expires, 10) {
		return refuse(Malformed, "X-Amz-Expires must be a number of seconds from 1 to 604800.")
	}
	a.expires = life
	a.bodyHash, _ = q.get(queryBodyHash)
	return nil
}

func checkAlgorithm(name string) *Error {
	switch name {
	case algorithm:
		return nil
	case "AWS4-ECDSA-P256-SHA256":
		return refuse(NotImplemented, "Signature Version 4A is not implemented. Sign with AWS4-HMAC-SHA256.")
	}
	return refuse(Malformed, "The signing algorithm must be AWS4-HMAC-SHA256.")
}

// parse reads what both forms have; what the cache knows was read before.
func (a *authorization) parse(c *cache) *Error {
	a.known, a.list = c.find(a.credential, a.signedHeaders)
	if a.known.key != nil {
		a.client = a.known.key.client
	} else if !a.client.parse(a.credential) {
		return refuse(Malformed, "Credential must have the form ACCESS-KEY-ID/YYYYMMDD/REGION/SERVICE/aws4_request.")
	}
	if !parseHash(&a.signature, a.digits) {
		return refuse(Malformed, "Signature must be 64 lower-case hexadecimal digits.")
	}
	var ok bool
	if a.time, ok = parseTime(a.date); !ok {
		return refuse(Malformed, "The date of a signature must have the form YYYYMMDDTHHMMSSZ.")
	}
	if len(a.token) > maxToken {
		return refuse(BadToken, "The security token included in the request is invalid.")
	}
	return nil
}

// parse reads a credential, and reports whether it is well-formed.
func (c *client) parse(credential string) bool {
	if !c.split(credential) || c.accessKeyID == "" || len(c.accessKeyID) > maxAccessKeyID {
		return false
	}
	for i := range len(c.accessKeyID) {
		if b := c.accessKeyID[i]; !letterOrDigit(b) && b != '_' {
			return false
		}
	}
	return len(c.day) == 8 && allDigits(c.day) && scopeName(c.region) && scopeName(c.service) && len(c.terminator) <= 64
}

// split finds the parts of a credential, and reports whether all are there.
func (c *client) split(credential string) bool {
	c.credential = credential
	c.accessKeyID, c.scope, _ = strings.Cut(credential, "/")
	var rest string
	var region, service, terminator bool
	c.day, rest, region = strings.Cut(c.scope, "/")
	c.region, rest, service = strings.Cut(rest, "/")
	c.service, c.terminator, terminator = strings.Cut(rest, "/")
	return region && service && terminator
}

// scopeName reports whether s may be a region or a service.
func scopeName(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

func (v *Verifier) checkScope(a *authorization) *Error {
	switch {
	case a.region != v.o.Region:
		return refuse(WrongScope, "Credential should be scoped to a valid region, not '%s'.", a.region)
	case !slices.Contains(v.o.Services, a.service):
		return refuse(WrongScope, "Credential should be scoped to correct service: '%s'.", v.o.Services[0])
	case a.terminator != terminator:
		return refuse(WrongScope, "Credential should be scoped with a valid terminator: 'aws4_request'.")
	case a.day != a.date[:len(a.day)]:
		return refuse(WrongScope, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", a.day, a.date[:len(a.day)], a.date)
	}
	return nil
}

func (v *Verifier) checkHost(r *http.Request) *Error {
	if r.Host == "" {
		return refuse(Malformed, "The request has no Host.")
	}
	if v.o.Hosts != nil && !slices.Contains(v.o.Hosts, v.o.host(r)) {
		return refuse(WrongScope, "The request is for another host.")
	}
	return nil
}

// checkTime checks both ends: a start in the future would stretch the life of
// a presigned request. Source: identity-protocol §4.4.
func (v *Verifier) checkTime(a *authorization, now time.Time) *Error {
	at := func(t time.Time) string { return t.UTC().Format(timeFormat) }
	if latest := now.Add(v.o.Skew); a.time.After(latest) {
		return refuse(ClockSkew, "Signature not yet current: %s is still later than %s (%s + %s.)", a.date, at(latest), at(now), minutes(v.o.Skew))
	}
	if a.presigned {
		if now.After(a.time.Add(min(a.expires, v.o.MaxExpires))) {
			return refuse(RequestExpired, "Request has expired")
		}
		return nil
	}
	if earliest := now.Add(-v.o.Skew); a.time.Before(earliest) {
		return refuse(ClockSkew, "Signature expired: %s is now earlier than %s (%s - %s.)", a.date, at(earliest), at(now), minutes(v.o.Skew))
	}
	return nil
}

// minutes prints a limit as clients know it, "15 min".
func minutes(d time.Duration) string {
	return strconv.FormatFloat(d.Minutes(), 'f', -1, 64) + " min"
}

const timeFormat = "20060102T150405Z"

// parseTime reads YYYYMMDDTHHMMSSZ, nothing else. It is time.Parse for one
// layout, at a tenth of its cost.
func parseTime(s string) (time.Time, bool) {
	if len(s) != len(timeFormat) || s[8] != 'T' || s[15] != 'Z' || !allDigits(s[:8]) || !allDigits(s[9:15]) {
		return time.Time{}, false
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day, hour, minute, second := two(0)*100+two(2), two(4), two(6), two(9), two(11), two(13)
	t := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	// time.Date carries what is too much; then the parts are others.
	if _, m, d := t.Date(); year == 0 || m != time.Month(month) || d != day || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	return t, true
}

// parseHash reads 64 lower-case hexadecimal digits.
func parseHash(to *[32]byte, s string) bool {
	if len(s) != 2*len(to) {
		return false
	}
	wrong := byte(0)
	for i := range to {
		high, low := lowerHex[s[2*i]], lowerHex[s[2*i+1]]
		wrong |= high | low
		to[i] = high<<4 | low
	}
	return wrong <= 15
}

// lowerHex holds the values of digits, 255 for what is none.
var lowerHex = func() (t [256]byte) {
	for c := range t {
		t[c] = 255
	}
	for value, c := range []byte("0123456789abcdef") {
		t[c] = byte(value)
	}
	return t
}()

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// unescape decodes a piece of a query that query.parse has checked.
func unescape(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out, err := url.QueryUnescape(s)
	if err != nil {
		return ""
	}
	return out
}
