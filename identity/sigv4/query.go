package sigv4

import (
	"bytes"
	"slices"
	"strings"
)

// maxParams bounds the parameters of a query.
const maxParams = 256

// query is a query as it is signed: every name and value decoded and encoded
// again, sorted. url.ParseQuery drops what it does not understand, and what is
// dropped here may be seen by the service. Source: identity-protocol §4.2, §4.6.
type query struct {
	params []param
	// encoded holds the names and values, where params point to.
	encoded []byte
	// presigned says that there is an input of the query form.
	presigned bool
}

// param is a parameter: as sent, and its places in query.encoded.
type param struct {
	name, value    string
	start, eq, end int
}

func (q *query) encodedName(p *param) []byte  { return q.encoded[p.start:p.eq] }
func (q *query) encodedValue(p *param) []byte { return q.encoded[p.eq:p.end] }

// parse reads a raw query.
func (q *query) parse(raw string) *Error {
	q.params, q.encoded, q.presigned = q.params[:0], q.encoded[:0], false
	if raw == "" {
		return nil
	}
	for pair := range strings.SplitSeq(raw, "&") {
		p := param{start: len(q.encoded)}
		p.name, p.value, _ = strings.Cut(pair, "=")
		if p.name == "" {
			return refuse(Malformed, "The query string has a parameter without a name.")
		}
		if len(q.params) == maxParams {
			return refuse(Malformed, "The query string has more than %d parameters.", maxParams)
		}
		var okName, okValue bool
		q.encoded, okName = appendEncoded(q.encoded, p.name, inQuery)
		p.eq = len(q.encoded)
		q.encoded, okValue = appendEncoded(q.encoded, p.value, inQuery)
		p.end = len(q.encoded)
		if !okName || !okValue {
			return refuse(Malformed, "The query string has a '%%' that no two hexadecimal digits follow.")
		}
		q.params = append(q.params, p)
	}
	// By name, then value, after encoding: sorted before, "-" and "/" would
	// come in another order.
	slices.SortFunc(q.params, func(a, b param) int {
		if c := bytes.Compare(q.encodedName(&a), q.encodedName(&b)); c != 0 {
			return c
		}
		return bytes.Compare(q.encodedValue(&a), q.encodedValue(&b))
	})
	return q.checkInputs()
}

// checkInputs refuses parameters that others might read otherwise: X-Amz-…
// twice, and inputs of the query form in another spelling.
func (q *query) checkInputs() *Error {
	for i := range q.params {
		p := &q.params[i]
		name := q.encodedName(p)
		if !hasAmzPrefix(name) {
			continue
		}
		if string(name) != p.name {
			return refuse(Malformed, "The name of an X-Amz-… parameter must not be encoded.")
		}
		if i > 0 && bytes.Equal(name, q.encodedName(&q.params[i-1])) {
			return refuse(Malformed, "The query string has an X-Amz-… parameter more than once.")
		}
		for _, input := range queryInputs {
			if p.name == input {
				q.presigned = true
			} else if strings.EqualFold(p.name, input) {
				return refuse(Malformed, "The query parameter must be spelt '%s'.", input)
			}
		}
		if p.name != queryBodyHash && strings.EqualFold(p.name, queryBodyHash) {
			return refuse(Malformed, "The query parameter must be spelt '%s'.", queryBodyHash)
		}
	}
	return nil
}

// get returns the value of a parameter, whose name has only unreserved bytes.
func (q *query) get(name string) (value string, ok bool) {
	for i := range q.params {
		if q.params[i].name == name {
			return unescape(q.params[i].value), true
		}
	}
	return "", false
}

// appendCanonical appends the canonical query.
func (q *query) appendCanonical(dst []byte) []byte {
	n := len(dst)
	for i := range q.params {
		p := &q.params[i]
		if p.name == querySignature {
			continue
		}
		if len(dst) > n {
			dst = append(dst, '&')
		}
		dst = append(dst, q.encodedName(p)...)
		dst = append(dst, '=')
		dst = append(dst, q.encodedValue(p)...)
	}
	return dst
}

// hasAmzPrefix reports whether a name begins with x-amz- in any case.
func hasAmzPrefix[T string | []byte](name T) bool {
	const prefix = "x-amz-"
	if len(name) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
