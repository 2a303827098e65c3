package audit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"
)

// signatureDomain begins what is signed, so that no signature over anything else
// can stand for it.
const signatureDomain = "rowan audit head v1\n"

// link is where a chain stands: how many lines it has, and the hash of the last.
type link struct {
	seq  uint64
	last [sha256.Size]byte
}

// A line is {"seq":N,"prev":"HASH",BODY.
const seqMember, prevMember = `{"seq":`, `,"prev":"`

// begin appends the beginning of the next line.
func (l *link) begin(b []byte) []byte {
	b = append(b, seqMember...)
	b = strconv.AppendUint(b, l.seq+1, 10)
	b = append(b, prevMember...)
	b = hex.AppendEncode(b, l.last[:])
	return append(b, '"', ',')
}

// add moves on by a line, without its newline.
func (l *link) add(line []byte) { l.seq, l.last = l.seq+1, sha256.Sum256(line) }

// parseLink reads the beginning of a line: its number, and the hash of the line
// before. ok is false for what is no whole line of ours.
func parseLink(line []byte) (seq uint64, prev [sha256.Size]byte, ok bool) {
	rest, ok1 := bytes.CutPrefix(line, []byte(seqMember))
	digits, rest, ok2 := bytes.Cut(rest, []byte(prevMember))
	if !ok1 || !ok2 || len(digits) == 0 || len(digits) > 20 || digits[0] == '0' || len(rest) < 2*len(prev)+3 || line[len(line)-1] != '}' {
		return 0, prev, false
	}
	seq, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || bytes.ContainsAny(digits, "+_") {
		return 0, prev, false
	}
	text := rest[:2*len(prev)]
	if _, err := hex.Decode(prev[:], text); err != nil || !bytes.Equal(bytes.ToLower(text), text) {
		return 0, prev, false
	}
	// The beginning of a line can end like a line, but is no JSON.
	return seq, prev, rest[len(text)] == '"' && rest[len(text)+1] == ',' && json.Valid(line)
}

// head is a line that vouches for those before it.
type head struct {
	Seq uint64 `json:"seq"`
	At  string `json:"at"`
	// Why is begin, open, lines, time, rotate, continue, recover or close.
	Why string `json:"why"`
	// Log names the chain. What says which decisions are written.
	Log  string `json:"log"`
	What string `json:"what"`
	// Records were written since the head before, Skipped were not, as What says,
	// and Dropped were not as there was no room for them.
	Records uint64 `json:"records"`
	Skipped uint64 `json:"skipped"`
	Dropped uint64 `json:"dropped"`
	// Torn is what stands before this line and is no line, nil if nothing does.
	Torn      *torn  `json:"torn"`
	Key       string `json:"key"`
	Signature string `json:"signature"`
}

// torn is the beginning of lines that were never finished.
type torn struct {
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

const headBegins = `"kind":"head","why":`

// isHead reports whether a line claims to be a head.
func isHead(line []byte) bool {
	_, body, ok := bytes.Cut(line, []byte(`","at":"`))
	if !ok {
		return false
	}
	_, body, ok = bytes.Cut(body, []byte(`",`))
	return ok && bytes.HasPrefix(body, []byte(headBegins))
}

const signatureMember = `,"signature":"`

// signer signs heads.
type signer struct {
	key ed25519.PrivateKey
	id  string
	log string
}

// append appends a head at a link, without a newline.
func (s *signer) append(b []byte, at time.Time, l *link, h *head) []byte {
	begin := len(b)
	b = l.begin(b)
	b = appendAt(b, at, "head")
	b = appendText(b, "why", h.Why)
	b = appendText(b, "log", s.log)
	b = appendText(b, "what", h.What)
	b = appendCount(b, "records", h.Records)
	b = appendCount(b, "skipped", h.Skipped)
	b = appendCount(b, "dropped", h.Dropped)
	if h.Torn != nil {
		b = append(b, `,"torn":{"bytes":`...)
		b = strconv.AppendInt(b, int64(h.Torn.Bytes), 10)
		b = appendText(b, "sha256", h.Torn.SHA256)
		b = append(b, '}')
	}
	b = appendText(b, "key", s.id)
	signed := append([]byte(signatureDomain), b[begin:]...)
	b = append(b, signatureMember...)
	b = base64.StdEncoding.AppendEncode(b, ed25519.Sign(s.key, signed))
	return append(b, '"', '}')
}

var (
	errSignature = errors.New("no key that is trusted signed it")
	errHead      = errors.New("no head as this program writes it")
)

// parseHead reads a head and checks its signature.
func parseHead(line []byte, keys []ed25519.PublicKey) (*head, error) {
	var h head
	if err := json.Unmarshal(line, &h); err != nil {
		return nil, errHead
	}
	end := bytes.LastIndex(line, []byte(signatureMember))
	if end < 0 {
		return nil, errHead
	}
	// Nothing but the signature stands behind it.
	text, whole := bytes.CutSuffix(line[end+len(signatureMember):], []byte(`"}`))
	sig, err := base64.StdEncoding.Strict().AppendDecode(nil, text)
	if err != nil || !whole || len(sig) != ed25519.SignatureSize {
		return nil, errHead
	}
	signed := append([]byte(signatureDomain), line[:end]...)
	for _, k := range keys {
		if ed25519.Verify(k, signed, sig) {
			return &h, nil
		}
	}
	return nil, errSignature
}

func tornOf(text []byte) *torn {
	if len(text) == 0 {
		return nil
	}
	sum := sha256.Sum256(text)
	return &torn{len(text), hex.EncodeToString(sum[:])}
}

// explains reports whether a head, nil for another line, says of what stands
// before it and is no line that it is there. It ends with a newline.
func (h *head) explains(rest []byte) bool {
	if h == nil || h.Torn == nil {
		return len(rest) == 0
	}
	rest, ok := bytes.CutSuffix(rest, []byte("\n"))
	return ok && len(rest) > 0 && *tornOf(rest) == *h.Torn
}
