package conformance

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
)

const (
	pageGenerate  = "AWS KMS API Reference, GenerateDataKeyWithoutPlaintext"
	pageDecrypt   = "AWS KMS API Reference, Decrypt"
	pageContext   = "AWS KMS Developer Guide, Encryption context"
	pageKeyStates = "AWS KMS Developer Guide, Key states of AWS KMS keys"
	pageSigning   = "AWS Identity and Access Management User Guide, AWS Signature Version 4 for API requests"
)

// Error codes.
const (
	invalidCiphertext = "InvalidCiphertextException"
	incorrectKey      = "IncorrectKeyException"
	disabled          = "DisabledException"
	notFound          = "NotFoundException"
)

func keyCases() []Case {
	return []Case{
		{"Key/OpensWhatItSealed", pageDecrypt, "", opensWhatItSealed},
		{"Key/OtherContext", pageContext, Contexts, otherContext},
		{"Key/TamperedBlob", pageDecrypt, Blobs, tamperedBlob},
		{"Key/OtherKey", pageDecrypt, "", otherKMSKey},
		{"Key/Unknown", pageGenerate, "", unknownKey},
		{"Key/Disabled", pageKeyStates, "", disabledKey},
		{"Key/BlobTooLong", pageDecrypt, "", blobTooLong},
	}
}

// bindings are an encryption context as vault keys have it.
func bindings() map[string]string {
	return map[string]string{"tenant": "t", "user": "u", "version": "1"}
}

func (t *Target) generate(ctx context.Context, key string, bound map[string]string) ([]byte, error) {
	out, err := t.kms.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: &key, KeySpec: types.DataKeySpecAes256, EncryptionContext: bound})
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.KeyId) != key || len(out.CiphertextBlob) == 0 {
		return nil, differs("the key and the length of the ciphertext", []any{aws.ToString(out.KeyId), len(out.CiphertextBlob)}, key)
	}
	return out.CiphertextBlob, nil
}

func (t *Target) decrypt(ctx context.Context, key string, blob []byte, bound map[string]string) ([]byte, error) {
	out, err := t.kms.Decrypt(ctx, &kms.DecryptInput{KeyId: &key, CiphertextBlob: blob, EncryptionContext: bound,
		EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault})
	if err != nil {
		return nil, err
	}
	if aws.ToString(out.KeyId) != key || len(out.Plaintext) != 32 {
		return nil, differs("the key and the length of the plaintext", []any{aws.ToString(out.KeyId), len(out.Plaintext)}, []any{key, 32})
	}
	return out.Plaintext, nil
}

func opensWhatItSealed(ctx context.Context, t *Target) error {
	first, err := t.generate(ctx, t.Key, bindings())
	second, err2 := t.generate(ctx, t.Key, bindings())
	a, err3 := t.decrypt(ctx, t.Key, first, bindings())
	again, err4 := t.decrypt(ctx, t.Key, first, bindings())
	b, err5 := t.decrypt(ctx, t.Key, second, bindings())
	switch err := errors.Join(err, err2, err3, err4, err5); {
	case err != nil:
		return err
	case !bytes.Equal(a, again):
		return errors.New("the same ciphertext opens to two keys")
	case bytes.Equal(a, b):
		return errors.New("the same key is made twice")
	case bytes.Contains(first, a):
		return errors.New("the ciphertext shows the key")
	}
	return nil
}

// otherContext opens a ciphertext with contexts that are almost its own.
func otherContext(ctx context.Context, t *Target) error {
	blob, err := t.generate(ctx, t.Key, bindings())
	if err != nil {
		return err
	}
	for what, change := range map[string]func(map[string]string){
		"no context":                          func(m map[string]string) { clear(m) },
		"a context of another user":           func(m map[string]string) { m["user"] = "v" },
		"a context with one pair more":        func(m map[string]string) { m["more"] = "" },
		"a context with one pair less":        func(m map[string]string) { delete(m, "version") },
		"a context with a name in other case": func(m map[string]string) { m["User"] = m["user"]; delete(m, "user") },
		"a context with values exchanged":     func(m map[string]string) { m["user"], m["tenant"] = m["tenant"], m["user"] },
	} {
		bound := maps.Clone(bindings())
		change(bound)
		if _, err := t.decrypt(ctx, t.Key, blob, bound); refused(err, what, invalidCiphertext) != nil {
			return refused(err, what, invalidCiphertext)
		}
	}
	_, err = t.decrypt(ctx, t.Key, blob, bindings())
	return at("the same context", err)
}

// tamperedBlob changes what was sealed. Where in a ciphertext its key is named is not known: a change there may make it
// another key's.
func tamperedBlob(ctx context.Context, t *Target) error {
	blob, err := t.generate(ctx, t.Key, bindings())
	if err != nil {
		return err
	}
	for what, change := range map[string]func([]byte) []byte{
		"a ciphertext with another last bit":       func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
		"a ciphertext with another bit inside":     func(b []byte) []byte { b[len(b)-20] ^= 1; return b },
		"a ciphertext with another bit in front":   func(b []byte) []byte { b[0] ^= 1; return b },
		"a ciphertext that was cut":                func(b []byte) []byte { return b[:len(b)-1] },
		"a ciphertext with a byte more":            func(b []byte) []byte { return append(b, 0) },
		"something that was never sealed by a key": func([]byte) []byte { return []byte("sealed") },
	} {
		if _, err := t.decrypt(ctx, t.Key, change(bytes.Clone(blob)), bindings()); refused(err, what, invalidCiphertext, incorrectKey) != nil {
			return refused(err, what, invalidCiphertext, incorrectKey)
		}
	}
	_, err = t.decrypt(ctx, t.Key, blob, bindings())
	return at("unchanged", err)
}

func otherKMSKey(ctx context.Context, t *Target) error {
	blob, err := t.generate(ctx, t.OtherKey, bindings())
	if err != nil {
		return err
	}
	_, wrong := t.decrypt(ctx, t.Key, blob, bindings())
	_, err = t.decrypt(ctx, t.OtherKey, blob, bindings())
	return errors.Join(refused(wrong, "another key", incorrectKey), at("its own", err))
}

func unknownKey(ctx context.Context, t *Target) error {
	blob, err := t.generate(ctx, t.Key, bindings())
	if err != nil {
		return err
	}
	unknown := t.Key[:strings.LastIndex(t.Key, "/")+1] + "00000000-0000-4000-8000-000000000000"
	_, made := t.generate(ctx, unknown, bindings())
	_, opened := t.decrypt(ctx, unknown, blob, bindings())
	return errors.Join(refused(made, "a data key of no key", notFound), refused(opened, "an opening by no key", notFound))
}

func disabledKey(ctx context.Context, t *Target) error {
	blob, err := t.generate(ctx, t.Spare, bindings())
	if err != nil {
		return err
	}
	if _, err := t.kms.DisableKey(ctx, &kms.DisableKeyInput{KeyId: &t.Spare}); err != nil {
		return at("disable a key", err)
	}
	off := t.within(ctx, func() error {
		_, opened := t.decrypt(ctx, t.Spare, blob, bindings())
		_, made := t.generate(ctx, t.Spare, bindings())
		return errors.Join(refused(opened, "an opening by a disabled key", disabled), refused(made, "a data key of a disabled key", disabled))
	})
	if _, err := t.kms.EnableKey(ctx, &kms.EnableKeyInput{KeyId: &t.Spare}); err != nil {
		return errors.Join(off, at("enable a key", err))
	}
	return errors.Join(off, t.within(ctx, func() error {
		_, err := t.decrypt(ctx, t.Spare, blob, bindings())
		return at("enabled again", err)
	}))
}

func blobTooLong(ctx context.Context, t *Target) error {
	_, err := t.decrypt(ctx, t.Key, make([]byte, 6145), bindings())
	return refused(err, "a ciphertext of 6,145 bytes", invalid)
}

// stranger is a target who is called with a secret that is not the caller's.
func stranger(t *Target) *Target {
	cfg, own := t.Config.Copy(), *t
	cfg.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		c, err := t.Config.Credentials.Retrieve(ctx)
		if err != nil {
			return c, err
		}
		return credentials.NewStaticCredentialsProvider(c.AccessKeyID, "guessed", c.SessionToken).Retrieve(ctx)
	})
	own.dynamodb, own.s3, own.kms = Clients(cfg)
	own.scheduler, own.events = scheduler.NewFromConfig(cfg), eventbridge.NewFromConfig(cfg)
	return &own
}

// The call of a stranger, and its refusal by all services but S3.
const (
	ofStranger   = "the call of one who does not have the secret"
	badSignature = "InvalidSignatureException"
)

// callerCases call with a secret that is not the caller's.
func callerCases() []Case {
	return []Case{
		{"Caller/DynamoDB", pageSigning, Signatures, func(ctx context.Context, t *Target) error {
			if err := refused(stranger(t).putAll(ctx, "a"), ofStranger, badSignature); err != nil {
				return err
			}
			return t.want(ctx, "a", nil)
		}},
		{"Caller/S3", pageSigning, Signatures, func(ctx context.Context, t *Target) error {
			_, err := stranger(t).s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &t.Bucket})
			return refused(err, ofStranger, wrongSignature)
		}},
		{"Caller/KMS", pageSigning, Signatures, func(ctx context.Context, t *Target) error {
			_, err := stranger(t).generate(ctx, t.Key, bindings())
			return refused(err, ofStranger, badSignature)
		}},
	}
}

func tickCallerCases() []Case {
	return []Case{
		{"Caller/Scheduler", pageSigning, Signatures, func(ctx context.Context, t *Target) error {
			_, err := stranger(t).scheduler.ListSchedules(ctx, &scheduler.ListSchedulesInput{})
			return refused(err, ofStranger, badSignature)
		}},
		{"Caller/EventBridge", pageSigning, Signatures, func(ctx context.Context, t *Target) error {
			_, err := stranger(t).putEvents(ctx, event("{}"))
			return refused(err, ofStranger, badSignature)
		}},
	}
}
