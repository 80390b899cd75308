package s3

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
)

const (
	streamingTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
	maxStreamed      = 64 << 20
)

// unchunk replaces a body in aws-chunked coding by what it carries, and its
// trailing checksum by the header of the same name, which is then verified like
// any other. See "Signature calculations for the authorization header: trailing
// headers" in the Amazon S3 API Reference.
func unchunk(r *http.Request) *refusal {
	length, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64)
	if err != nil || length < 0 {
		return &refusal{http.StatusLengthRequired, "MissingContentLength", "You must provide the x-amz-decoded-content-length HTTP header."}
	}
	if length > maxStreamed {
		return &refusal{http.StatusBadRequest, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size of a body with a trailing checksum."}
	}
	announced := strings.ToLower(r.Header.Get("X-Amz-Trailer"))
	if announced != "" && !strings.HasPrefix(announced, "x-amz-checksum-") {
		return &refusal{http.StatusBadRequest, "InvalidRequest", "The value specified in the x-amz-trailer header is not supported"}
	}
	body, name, value, err := readChunks(bufio.NewReader(r.Body), length)
	if err != nil || int64(len(body)) != length {
		return &refusal{http.StatusBadRequest, "IncompleteBody", "The request body terminated unexpectedly"}
	}
	if name != announced {
		return &refusal{http.StatusBadRequest, "MalformedTrailerError", "The request contained trailing data that was not well-formed or did not conform to our published schema."}
	}
	if name != "" {
		r.Header.Set(name, value)
	}
	r.Header.Del("X-Amz-Trailer")
	r.Header.Del("X-Amz-Decoded-Content-Length")
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	r.Header.Set("Content-Length", strconv.FormatInt(length, 10))
	r.ContentLength = length
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

var errChunks = errors.New("the body is not aws-chunked")

// readChunks reads "<hex length>\r\n<bytes>\r\n" until the length 0, then at most
// one trailer line and the empty line that ends it.
func readChunks(r *bufio.Reader, limit int64) (body []byte, name, value string, err error) {
	for {
		line, err := readLine(r)
		if err != nil {
			return nil, "", "", err
		}
		n, err := strconv.ParseInt(line, 16, 64)
		if err != nil || n < 0 || n > limit-int64(len(body)) {
			return nil, "", "", errChunks
		}
		if n == 0 {
			break
		}
		start := len(body)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(r, body[start:]); err != nil {
			return nil, "", "", err
		}
		if end, err := readLine(r); err != nil || end != "" {
			return nil, "", "", errChunks
		}
	}
	line, err := readLine(r)
	if err != nil || line == "" {
		return body, "", "", err
	}
	name, value, ok := strings.Cut(line, ":")
	if end, err := readLine(r); err != nil || end != "" || !ok {
		return nil, "", "", errChunks
	}
	return body, strings.ToLower(name), strings.TrimSpace(value), nil
}

func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(string(line), "\r\n")
	if !ok {
		return "", errChunks
	}
	return text, nil
}
