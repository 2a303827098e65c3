package conditions

// textSet is a set of a few texts that is asked about other texts of the same
// kind: attribute names, identity ids. Texts are filed by their length and
// three of their bytes, which is cheaper than hashing them whole. The zero
// value is empty.
type textSet struct {
	texts  []string // sorted by slot
	starts []uint16 // where each slot begins in texts; one more than there are slots
}

// maxTextSet is how many texts a textSet holds; more are better off in a map.
const maxTextSet = 64

func newTextSet(texts []string) textSet {
	slots := 1
	for slots < 2*len(texts) {
		slots *= 2
	}
	bySlot := make([][]string, slots)
	for _, s := range texts {
		i := textSlot(s, slots)
		bySlot[i] = append(bySlot[i], s)
	}
	t := textSet{texts: make([]string, 0, len(texts)), starts: make([]uint16, 0, slots+1)}
	for _, list := range bySlot {
		t.starts = append(t.starts, uint16(len(t.texts)))
		t.texts = append(t.texts, list...)
	}
	t.starts = append(t.starts, uint16(len(t.texts)))
	return t
}

// textSlot returns the slot of s among slots, a power of two.
func textSlot(s string, slots int) int {
	n := len(s)
	if n == 0 {
		return 0
	}
	h := uint32(n) ^ uint32(s[0])<<8 ^ uint32(s[n>>1])<<16 ^ uint32(s[n-1])<<24
	return int((h*0x9E3779B1)>>16) & (slots - 1)
}

func (t *textSet) has(s string) bool { return t.find(s) >= 0 }

// find returns the place of s in texts, negative if it is not there.
func (t *textSet) find(s string) int {
	if len(t.texts) == 0 {
		return -1
	}
	slot := textSlot(s, len(t.starts)-1)
	for i := int(t.starts[slot]); i < int(t.starts[slot+1]); i++ {
		if t.texts[i] == s {
			return i
		}
	}
	return -1
}
