package contract

import "strings"

// CanonicalID writes a connection id that is a UUID in one of its usual forms (upper case, without dashes, in braces,
// with urn:uuid:) as RFC 9562 section 4 does. Any other id stays as it is.
func CanonicalID(id string) string {
	hex := strings.ToLower(id)
	hex = strings.TrimPrefix(hex, "urn:uuid:")
	if strings.HasPrefix(hex, "{") && strings.HasSuffix(hex, "}") {
		hex = hex[1 : len(hex)-1]
	}
	if len(hex) == 36 && hex[8] == '-' && hex[13] == '-' && hex[18] == '-' && hex[23] == '-' {
		hex = hex[:8] + hex[9:13] + hex[14:18] + hex[19:23] + hex[24:]
	}
	if len(hex) != 32 || strings.Trim(hex, "0123456789abcdef") != "" {
		return id
	}
	return hex[:8] + "-" + hex[8:12] + "-" + hex[12:16] + "-" + hex[16:20] + "-" + hex[20:]
}
