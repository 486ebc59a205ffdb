// Certificates by server name (SNI, RFC 6066).
#include <openssl/ssl.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "net/tls_context.h"

namespace hodei::net {
namespace {

using Context = std::shared_ptr<boost::asio::ssl::context>;

constexpr size_t kMaxContexts = 1024;               // all are forgotten at once when there are more
constexpr std::chrono::hours kContextAge{30 * 24};  // far below a certificate's life

// Belongs to the context that it is an argument of, and dies with it.
class ContextsByName {
 public:
  explicit ContextsByName(std::shared_ptr<const NameCertificates> certificates)
      : certificates_(std::move(certificates)) {}

  Result<Context> Get(const char* asked) {
    const std::string name = asked == nullptr ? certificates_->default_name() : asked;
    const std::lock_guard lock(mutex_);
    const Nanoseconds now = certificates_->clock().Monotonic();
    const auto known = contexts_.find(name);
    if (known != contexts_.end() && now - known->second.made < kContextAge) {
      return known->second.context;
    }
    ASSIGN_OR_RETURN(const TlsFiles files, certificates_->Issue(name));
    ASSIGN_OR_RETURN(Context context, MakeTlsContext(files));
    if (contexts_.size() >= kMaxContexts) contexts_.clear();
    contexts_[name] = {context, now};
    return context;
  }

 private:
  struct Kept {
    Context context;
    Nanoseconds made{};
  };

  const std::shared_ptr<const NameCertificates> certificates_;
  std::mutex mutex_;
  std::map<std::string, Kept> contexts_;  // guarded by mutex_
};

int ChooseCertificate(SSL* ssl, int* alert, void* argument) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  const Result<Context> context = static_cast<ContextsByName*>(argument)->Get(name);
  if (!context.ok() || SSL_set_SSL_CTX(ssl, (*context)->native_handle()) == nullptr) {
    *alert = SSL_AD_UNRECOGNIZED_NAME;
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<Context> MakeNamedTlsContext(std::shared_ptr<const NameCertificates> certificates) {
  auto contexts = std::make_shared<ContextsByName>(std::move(certificates));
  ASSIGN_OR_RETURN(const Context first, contexts->Get(nullptr));
  SSL_CTX* native = first->native_handle();
  SSL_CTX_set_tlsext_servername_callback(native, ChooseCertificate);
  SSL_CTX_set_tlsext_servername_arg(native, contexts.get());
  // The cache holds `first` as well, which is why the owner is the pointer and not the context.
  return Context(first.get(), [first, contexts](boost::asio::ssl::context*) {});
}

}  // namespace hodei::net
