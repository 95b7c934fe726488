package presence

import "slices"

// with gives a sorted list of unique names with more of them: the same list when all are in it.
func with(sorted, more []string) []string {
	fresh := without(more, sorted)
	if len(fresh) == 0 {
		return sorted
	}
	return merged(sorted, fresh)
}

// merged sorts the names of two lists into one.
func merged(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// without gives the names that are not in a sorted list, in their own order.
func without(names, sorted []string) []string {
	var rest []string
	for _, name := range names {
		if !has(sorted, name) {
			rest = append(rest, name)
		}
	}
	return rest
}

// common gives the names that are also in a sorted list: sorted, unique, never nil.
func common(names, sorted []string) []string {
	both := make([]string, 0, len(names))
	for _, name := range names {
		if has(sorted, name) {
			both = append(both, name)
		}
	}
	slices.Sort(both)
	return slices.Compact(both)
}

func has(sorted []string, name string) bool {
	_, found := slices.BinarySearch(sorted, name)
	return found
}

// list gives a list that is written as [] when it is empty.
func list(names []string) []string {
	if names == nil {
		return []string{}
	}
	return names
}
