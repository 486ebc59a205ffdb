// HTTP messages as the layers above net/ see them: values, with no socket in them.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/status.h"
#include "sys/unique_fd.h"

namespace hodei::net {

// Header fields in arrival order; names compare without case.
class Headers {
 public:
  // The first value of `name`, or empty.
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  std::vector<std::string_view> GetAll(std::string_view name) const;
  void Add(std::string name, std::string value);
  // Replaces every field of that name.
  void Set(std::string name, std::string value);
  void Remove(std::string_view name);
  void Clear() { fields_.clear(); }
  // Makes room for `fields` of them.
  void Reserve(size_t fields) { fields_.reserve(fields); }
  const std::vector<std::pair<std::string, std::string>>& fields() const { return fields_; }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};

struct Peer {
  std::string address;  // "127.0.0.1:5124", or "unix"
  bool tls = false;
  std::string socket_label;  // the label of the unix socket it came through; empty for TCP
};

struct RequestHead {
  std::string method;  // upper case as sent
  std::string target;  // raw origin-form "/path?query"; absolute-form is reduced to it
  std::string host;    // Host header, or the authority of an absolute-form target
  Headers headers;
  Peer peer;
  std::string request_id;                  // ours, unguessable, returned as X-Request-Id and logged
  std::optional<uint64_t> content_length;  // absent: chunked or no body
  bool has_body = false;

  std::string_view path() const;   // raw, still percent-encoded, without the query
  std::string_view query() const;  // raw, without '?'
};

// A part of a file sent with sendfile(2) where the transport allows it. Owns `fd`.
struct FileBody {
  UniqueFd fd;
  uint64_t offset = 0;
  uint64_t length = 0;
};

// A body made piece by piece, for follow streams and large listings. One piece is asked for at a
// time. `done` may be called at once or later, from any thread, exactly once per Next():
// a non-empty piece, an empty piece for "end of body", or an error, which cuts the connection.
// The object is destroyed when the peer goes away; a pending `done` may then still be called, even
// after the server is gone. Next() runs where the handler ran: on the I/O thread for an inline
// handler, on the worker pool otherwise; there it may block for as long as a handler may.
class StreamBody {
 public:
  virtual ~StreamBody() = default;
  virtual void Next(std::function<void(Result<std::string>)> done) = 0;
};

struct HttpResponse {
  int status = 200;
  Headers headers;
  // Sent with Content-Length, except StreamBody which is chunked.
  std::variant<std::string, FileBody, std::unique_ptr<StreamBody>> body;
  // Close the connection after this response.
  bool close = false;
  // Answers to HEAD never carry the body; this is their Content-Length where `body` is not the one
  // that GET would send. Other methods ignore it.
  std::optional<uint64_t> content_length_of_head;
};

HttpResponse TextResponse(int status, std::string content_type, std::string body);

}  // namespace hodei::net
