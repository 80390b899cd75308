package s3

import (
	"encoding/xml"
	"errors"
	"io"
	"log/slog"
	"net/http"

	"github.com/rclone/gofakes3"

	"zapas/localstack/standin/iam"
)

// maxConfiguration is more than any configuration of a bucket has; a policy has 20 KiB at most.
const maxConfiguration = 64 << 10

// controls are the operations on buckets, by method and sub-resource.
func controls() map[string]operation {
	sums := []string{"x-amz-sdk-checksum-algorithm", "x-amz-checksum-crc32"} // the body is in the signature
	return map[string]operation{
		"PUT ":           {name: "CreateBucket", amz: sums},
		"DELETE ":        {name: "DeleteBucket"},
		"PUT encryption": {name: "PutBucketEncryption", query: []string{"encryption"}, amz: sums},
		"PUT policy":     {name: "PutBucketPolicy", query: []string{"policy"}, amz: sums},
		"DELETE policy":  {name: "DeleteBucketPolicy", query: []string{"policy"}},
	}
}

// isControl says whether an operation is on a bucket and not on what is in it.
func isControl(operation string) bool {
	for _, o := range controls() {
		if o.name == operation {
			return true
		}
	}
	return false
}

// control answers an operation on a bucket.
func (s *Server) control(w http.ResponseWriter, r *http.Request, operation string) {
	ex := s.newExchange(r)
	status := http.StatusOK
	why := ex.ask(r.Context(), iam.Request{Action: controlAction(operation), Resource: bucketARN(ex.bucket), Owner: bucketARN(ex.bucket), Keys: ex.signature.With()})
	if why == nil {
		status, why = s.configure(r, operation, ex.bucket)
	}
	if why != nil {
		WriteError(w, r, why.status, why.code, why.message)
		return
	}
	if operation == "CreateBucket" {
		w.Header().Set("Location", "/"+ex.bucket)
	}
	w.WriteHeader(status)
}

// controlAction is the action that an operation needs: page "Required permissions for Amazon S3 API operations".
func controlAction(operation string) string {
	if operation == "PutBucketEncryption" {
		return "s3:PutEncryptionConfiguration"
	}
	return "s3:" + operation
}

func (s *Server) configure(r *http.Request, operation, bucket string) (status int, why *refusal) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxConfiguration))
	if err != nil {
		return 0, &refusal{http.StatusBadRequest, "MalformedXML", "The configuration is too long, or broke off."}
	}
	if gofakes3.ValidateBucketName(bucket) != nil {
		return 0, &refusal{http.StatusBadRequest, "InvalidBucketName", "The specified bucket is not valid."}
	}
	there, err := s.store.hasBucket(bucket)
	switch {
	case err != nil:
		return 0, s.internal(err)
	case operation == "CreateBucket" && there:
		return 0, &refusal{http.StatusConflict, "BucketAlreadyOwnedByYou", "Your previous request to create the named bucket succeeded and you already own it."}
	case operation == "CreateBucket":
		return http.StatusOK, s.create(bucket, body)
	case !there:
		return 0, &refusal{http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist"}
	}
	switch operation {
	case "PutBucketEncryption":
		return http.StatusOK, s.putEncryption(bucket, body)
	case "PutBucketPolicy":
		return http.StatusNoContent, s.putPolicy(bucket, body)
	case "DeleteBucketPolicy":
		return http.StatusNoContent, s.putPolicy(bucket, nil)
	}
	return http.StatusNoContent, s.deleteBucket(bucket)
}

func (s *Server) internal(err error) *refusal {
	s.cfg.Log.Error("an S3 call failed", slog.Any("error", err))
	return &refusal{http.StatusInternalServerError, "InternalError", "We encountered an internal error. Please try again."}
}

func malformed() *refusal {
	return &refusal{http.StatusBadRequest, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"}
}

// create makes a bucket in this server's region, and in no other.
func (s *Server) create(bucket string, body []byte) *refusal {
	var in struct {
		XMLName  xml.Name `xml:"CreateBucketConfiguration"`
		Location string   `xml:"LocationConstraint"`
	}
	if len(body) > 0 && xml.Unmarshal(body, &in) != nil {
		return malformed()
	}
	if region := in.Location; region != s.cfg.Region && (region != "" || s.cfg.Region != "us-east-1") {
		return &refusal{http.StatusBadRequest, "IllegalLocationConstraintException", "The " + region + " location constraint is incompatible for the region specific endpoint this request was sent to."}
	}
	if err := s.store.createBucket(bucket); err != nil {
		return s.internal(err)
	}
	return nil
}

func (s *Server) putEncryption(bucket string, body []byte) *refusal {
	var in struct {
		XMLName xml.Name `xml:"ServerSideEncryptionConfiguration"`
		Rule    []struct {
			Default   struct{ SSEAlgorithm, KMSMasterKeyID string } `xml:"ApplyServerSideEncryptionByDefault"`
			BucketKey bool                                          `xml:"BucketKeyEnabled"`
		}
	}
	if xml.Unmarshal(body, &in) != nil || len(in.Rule) != 1 {
		return malformed()
	}
	switch rule := in.Rule[0]; {
	case rule.Default.SSEAlgorithm == "AES256" && rule.Default.KMSMasterKeyID == "":
		s.mu.Lock()
		delete(s.defaults, bucket)
		s.mu.Unlock()
	case rule.Default.SSEAlgorithm == kmsAlgorithm && rule.Default.KMSMasterKeyID != "" && rule.BucketKey:
		s.Encrypt(bucket, rule.Default.KMSMasterKeyID)
	default:
		return &refusal{http.StatusNotImplemented, "NotImplemented", "The operation PutBucketEncryption with anything but AES256, or a key of KMS with a bucket key, is not implemented."}
	}
	return nil
}

// putPolicy puts a bucket's policy in force; nil: it has none.
func (s *Server) putPolicy(bucket string, policy []byte) *refusal {
	if s.cfg.Attach == nil {
		return &refusal{http.StatusNotImplemented, "NotImplemented", "Policies of buckets are not implemented."}
	}
	if err := s.cfg.Attach(bucketARN(bucket), policy); err != nil {
		return &refusal{http.StatusBadRequest, "MalformedPolicy", err.Error()}
	}
	return nil
}

func (s *Server) deleteBucket(bucket string) *refusal {
	err := s.store.deleteBucket(bucket)
	switch {
	case errors.Is(err, errNotEmpty):
		return &refusal{http.StatusConflict, "BucketNotEmpty", "The bucket you tried to delete is not empty"}
	case err != nil:
		return s.internal(err)
	}
	s.mu.Lock()
	delete(s.defaults, bucket)
	s.mu.Unlock()
	if s.cfg.Attach == nil {
		return nil
	}
	return s.putPolicy(bucket, nil)
}
