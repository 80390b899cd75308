package kms_test

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// TestKeyOverTheWire: a key is made, used, disabled, enabled, and marked for deletion, from where nothing brings it back.
func TestKeyOverTheWire(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir())
	made, err := st.client.CreateKey(t.Context(), &awskms.CreateKeyInput{Description: aws.String("made")})
	if err != nil {
		t.Fatal(err)
	}
	arn := aws.ToString(made.KeyMetadata.Arn)
	blob := st.wrap(t, arn, vaultContext())
	opens := func() error { _, err := st.decrypt(t, blob, vaultContext(), arn); return err }
	disable := func() error {
		_, err := st.client.DisableKey(t.Context(), &awskms.DisableKeyInput{KeyId: &arn})
		return err
	}
	enable := func() error {
		_, err := st.client.EnableKey(t.Context(), &awskms.EnableKeyInput{KeyId: &arn})
		return err
	}
	remove := func(days int32) func() error {
		return func() error {
			_, err := st.client.ScheduleKeyDeletion(t.Context(), &awskms.ScheduleKeyDeletionInput{KeyId: &arn, PendingWindowInDays: &days})
			return err
		}
	}
	for n, c := range []struct {
		do   func() error
		want string
	}{
		{opens, ""}, {disable, ""}, {opens, "DisabledException"}, {enable, ""}, {opens, ""},
		{remove(6), "ValidationException"}, {remove(31), "ValidationException"}, {opens, ""},
		{remove(7), ""}, {opens, "KMSInvalidStateException"}, {enable, "KMSInvalidStateException"}, {remove(7), "KMSInvalidStateException"},
	} {
		err := c.do()
		wantCode(t, err, c.want)
		if t.Failed() {
			t.Fatalf("in step %d", n)
		}
	}
	_, err = st.client.CreateKey(t.Context(), &awskms.CreateKeyInput{Policy: aws.String("{}")})
	wantCode(t, err, "UnknownOperationException") // nobody heeds policies here
	_, err = st.client.CreateKey(t.Context(), &awskms.CreateKeyInput{KeySpec: types.KeySpecRsa2048})
	wantCode(t, err, "UnknownOperationException")
	_, err = st.client.EnableKey(t.Context(), &awskms.EnableKeyInput{KeyId: aws.String("00000000-0000-4000-8000-000000000000")})
	wantCode(t, err, "NotFoundException")
}
