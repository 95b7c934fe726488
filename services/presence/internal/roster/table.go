package roster

// Row is a key's record at a revision. Record is nil for a key that is gone; what it points to is never changed.
type Row[R any] struct {
	Key      string
	Record   *R
	Revision uint64
}

// table holds the newest row of each key, whatever order the rows come in.
type table[R any] struct {
	rows    map[string]Row[R]
	gone    map[string]uint64 // keys without a record → revision of their removal
	highest uint64            // revision applied
	mark    uint64            // highest at the last forget
}

func newTable[R any]() table[R] {
	return table[R]{rows: map[string]Row[R]{}, gone: map[string]uint64{}}
}

// apply takes a row unless it is old, and gives the row that it replaces. A removal at the revision of the record
// that is there counts as new: so a watch tells of a key that went while it was away.
func (t *table[R]) apply(row Row[R]) (before Row[R], taken bool) {
	have, exists := t.rows[row.Key]
	switch {
	case exists && row.Revision < have.Revision,
		exists && row.Revision == have.Revision && row.Record != nil,
		!exists && row.Revision <= t.gone[row.Key]:
		return have, false
	}
	t.highest = max(t.highest, row.Revision)
	if row.Record == nil {
		delete(t.rows, row.Key)
		t.gone[row.Key] = row.Revision
	} else {
		t.rows[row.Key] = row
		delete(t.gone, row.Key)
	}
	return have, true
}

// forget drops removals that were already old at the last call.
func (t *table[R]) forget() {
	for key, revision := range t.gone {
		if revision <= t.mark {
			delete(t.gone, key)
		}
	}
	t.mark = t.highest
}
