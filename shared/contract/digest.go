package contract

// DigestParts is into how many parts the sessions of a gateway are divided, by their connections.
const DigestParts = 32

// Digest is what a gateway, or presence, has of the gateway's sessions, in a few hundred bytes: a sum over the sessions of each
// part. Where two have the same, their sums are the same.
type Digest [DigestParts]uint64

// Add adds a session: its connection, and the revision of the membership that is in force.
func (d *Digest) Add(connID, session string, revision uint64) {
	d[DigestPart(connID)] += hash(connID, session, revision)
}

// Remove takes a session out that was added with the same words.
func (d *Digest) Remove(connID, session string, revision uint64) {
	d[DigestPart(connID)] -= hash(connID, session, revision)
}

// Differs gives the parts that differ.
func (d *Digest) Differs(other Digest) (parts Parts) {
	for part := range d {
		if d[part] != other[part] {
			parts |= 1 << part
		}
	}
	return parts
}

// Parts is a set of parts of a digest, a bit for each.
type Parts uint32

// AllParts is all of them.
const AllParts = ^Parts(0)

// Has says whether a connection is in one of the parts.
func (p Parts) Has(connID string) bool { return p&(1<<DigestPart(connID)) != 0 }

// DigestPart is the part that a connection is in.
func DigestPart(connID string) int { return int(mixed(fnv1a(fnvOffset, connID)) % DigestParts) }

func hash(connID, session string, revision uint64) uint64 {
	h := fnv1a(fnvOffset, connID)
	h = fnv1a(h*fnvPrime, session) // a step between the two, as for a byte 0
	for range 8 {
		h = (h ^ revision&0xff) * fnvPrime
		revision >>= 8
	}
	return mixed(h)
}

// FNV-1a of 64 bits (RFC 9923).
const (
	fnvOffset = 14695981039346656037
	fnvPrime  = 1099511628211
)

func fnv1a(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * fnvPrime
	}
	return h
}

// mixed lets each bit depend on all (the finalizer of MurmurHash3), so that sums of hashes tell as much as hashes.
func mixed(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
