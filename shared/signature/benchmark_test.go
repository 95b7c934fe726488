package signature_test

import (
	"testing"

	"github.com/channelstream/channelstream/shared/signature"
)

func BenchmarkVerifyRequest(b *testing.B) {
	for name, signed := range map[string]string{
		"seed": signature.Sign("secret", "/message", at),
		"0.7":  signature.SignTimestamp("secret", "channelstream", at),
	} {
		b.Run(name, func(b *testing.B) {
			v := verifier()
			b.ReportAllocs()
			for b.Loop() {
				if err := v.VerifyRequest(signed, "/message", at); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
