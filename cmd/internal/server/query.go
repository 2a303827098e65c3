package server

import (
	"encoding/xml"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rowan-authz/rowan/identity"
)

// STS takes forms and answers XML. Source: identity-protocol §3.2.
const (
	stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"
	stsVersion   = "2011-06-15"
	textXML      = "text/xml"
	maxParams    = 100
)

// params are the parameters of a query request, each given once.
type params url.Values

func (p params) get(name string) string {
	if v := p[name]; len(v) == 1 {
		return v[0]
	}
	return ""
}

// list returns the members of a list, which are numbered from 1.
func (p params) list(name string) []string {
	var out []string
	for n := 1; ; n++ {
		v, ok := p[name+".member."+strconv.Itoa(n)+".arn"]
		if !ok {
			return out
		}
		out = append(out, v[0])
	}
}

// seconds reads an optional number.
func (p params) seconds(name string) (*int64, error) {
	text, ok := p[name]
	if !ok {
		return nil, nil
	}
	n, err := strconv.ParseInt(text[0], 10, 32)
	if err != nil {
		return nil, badRequest(string(identity.STSValidationError), "%s must be a whole number.", name)
	}
	return &n, nil
}

// parseParams reads a form. A parameter that is there twice has two readings.
func parseParams(raw string) (params, error) {
	malformed := badRequest("MalformedQueryString", "The request is no form that can be read.")
	if strings.Count(raw, "&") >= maxParams {
		return nil, malformed
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, malformed
	}
	for _, v := range values {
		if len(v) != 1 {
			return nil, malformed
		}
	}
	return params(values), nil
}

// callQuery answers a request of STS. A GET is one that was signed in its
// query, which only GetCallerIdentity may be: a token has no place in an
// address.
func (x *exchange) callQuery() {
	x.refuse = refuseXML
	p, err := x.readParams()
	if err != nil {
		x.stray(err)
		return
	}
	action := p.get("Action")
	get := x.r.Method == http.MethodGet
	switch {
	case action == "":
		x.stray(badRequest("MissingAction", "The request names no action."))
	case p.get("Version") != stsVersion:
		x.stray(badRequest("InvalidAction", "The Version must be %s.", stsVersion))
	case action == "GetCallerIdentity":
		x.service, x.operation = "sts", action
		x.getCallerIdentity()
	case action == "AssumeRoleWithWebIdentity" && !get:
		x.service, x.operation = "sts", action
		x.assumeRoleWithWebIdentity(p)
	case action == "AssumeRoleWithSAML" && !get:
		x.service, x.operation = "sts", action
		x.assumeRoleWithSAML(p)
	default:
		x.stray(badRequest("InvalidAction", "The request names no action that this deployment offers."))
	}
}

// stray refuses a request that is no call at all, and counts it like one: its
// body was read.
func (x *exchange) stray(err error) {
	x.limits.take(identity.ClientFrom(x.r.Context()).Address, x.now)
	x.fail(err)
}

// readParams reads the form and leaves the body for the verifier of its
// signature to read again.
func (x *exchange) readParams() (params, error) {
	if x.r.Method == http.MethodGet {
		return parseParams(x.r.URL.RawQuery)
	}
	if !x.limits.open(identity.ClientFrom(x.r.Context()).Address, x.now) {
		return nil, throttled()
	}
	body, err := x.body(maxBody)
	if err != nil {
		return nil, err
	}
	x.r.Body = replay(body)
	return parseParams(string(body))
}

// result is the answer of an action: its element is named for the action.
type result struct {
	XMLName   xml.Name
	Namespace string `xml:"xmlns,attr"`
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

func (x *exchange) replyXML(out any) {
	body, err := xml.Marshal(result{
		XMLName: xml.Name{Local: x.operation + "Response"}, Namespace: stsNamespace,
		Result: named{x.operation + "Result", out}, RequestID: x.id,
	})
	if err != nil {
		x.fail(internal(err))
		return
	}
	x.reply(http.StatusOK, textXML, body)
}

// named writes a value as an element of a name that is known late.
type named struct {
	name  string
	value any
}

// MarshalXML writes the element.
func (n named) MarshalXML(e *xml.Encoder, _ xml.StartElement) error {
	return e.EncodeElement(n.value, xml.StartElement{Name: xml.Name{Local: n.name}})
}

// forbidden are the codes of STS whose status is 403. Source:
// identity-protocol §3.2.
var forbidden = map[string]bool{
	string(identity.STSAccessDenied): true, string(identity.STSRejectedClaim): true, "RegionDisabledException": true,
}

// queryCodes are the names that STS has for errors of the other services.
var queryCodes = map[string]string{
	string(identity.InternalError):    "InternalFailure",
	string(identity.TooManyRequests):  "Throttling",
	string(identity.InvalidParameter): string(identity.STSValidationError),
	string(identity.ExternalService):  string(identity.STSCommunicationError),
	string(identity.NotAuthorized):    string(identity.STSAccessDenied),
	string(identity.ResourceNotFound): string(identity.STSAccessDenied),
	"SerializationException":          "MalformedQueryString",
	"RequestEntityTooLargeException":  "RequestEntityTooLarge",
}

// refuseXML writes an error as STS does.
func refuseXML(x *exchange, f *fault) {
	status, code := f.queryStatus, f.queryCode
	if code == "" {
		status, code = f.status, f.code
		if name, ok := queryCodes[code]; ok {
			code = name
		}
		if forbidden[code] {
			status = http.StatusForbidden
		}
	}
	kind := "Sender"
	if status >= http.StatusInternalServerError {
		kind = "Receiver"
	}
	body, err := xml.Marshal(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Type      string   `xml:"Error>Type"`
		Code      string   `xml:"Error>Code"`
		Message   string   `xml:"Error>Message"`
		RequestID string   `xml:"RequestId"`
	}{Namespace: stsNamespace, Type: kind, Code: code, Message: f.message, RequestID: x.id})
	if err != nil { // strings always encode
		body = []byte(`<ErrorResponse xmlns="` + stsNamespace + `"><Error><Type>Receiver</Type><Code>InternalFailure</Code></Error></ErrorResponse>`)
	}
	x.code = code
	x.reply(status, textXML, body)
}

// iso is a time as STS writes it.
func iso(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
