// Package kms knows how the key management service wraps and unwraps vault keys. It does not know whose keys they are,
// nor what they open.
package kms

import (
	"context"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"zapas/shared/aws"
	"zapas/shared/vault"
)

// Wrapper wraps vault keys under one key of the service.
type Wrapper struct {
	Client *kms.Client
	KeyID  string // ARN
}

var _ vault.Wrapper = Wrapper{}

// New makes a wrapper with a client of its own.
func New(cfg sdk.Config, keyID string) Wrapper {
	return Wrapper{Client: kms.NewFromConfig(cfg), KeyID: keyID}
}

// Generate makes a key and answers it wrapped. One whose answer is lost was never used, and is forgotten.
func (w Wrapper) Generate(ctx context.Context, binding map[string]string) ([]byte, error) {
	out, err := w.Client.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
		KeyId: &w.KeyID, KeySpec: types.DataKeySpecAes256, EncryptionContext: binding})
	if err != nil {
		return nil, aws.Fault(err, "make a vault key")
	}
	return out.CiphertextBlob, nil
}

// Unwrap answers the key. The key to unwrap with is named, so that a blob of another key is refused.
func (w Wrapper) Unwrap(ctx context.Context, binding map[string]string, wrapped []byte) ([]byte, error) {
	out, err := w.Client.Decrypt(ctx, &kms.DecryptInput{
		KeyId: &w.KeyID, CiphertextBlob: wrapped, EncryptionContext: binding, EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault})
	if err != nil {
		return nil, aws.Fault(err, "unwrap a vault key")
	}
	return out.Plaintext, nil
}
