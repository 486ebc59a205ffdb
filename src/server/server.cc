#include "server/server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <future>

#include "base/clock.h"
#include "base/random_id.h"
#include "base/secret.h"
#include "domain/access/authenticator.h"
#include "domain/access/authorizer.h"
#include "domain/access/job_tokens.h"
#include "domain/access/owner.h"
#include "domain/access/projects.h"
#include "domain/jobs/private_google.h"
#include "domain/objects/reconciler.h"
#include "domain/retention/reconciler.h"
#include "net/certificate_authority.h"
#include "net/http_server.h"
#include "net/name_certificates.h"
#include "server/application.h"
#include "server/job_sockets.h"
#include "server/job_trust.h"
#include "server/object_bytes.h"
#include "server/serving.h"
#include "server/surfaces.h"
#include "server/training.h"
#include "store/log/log_store.h"
#include "store/meta/meta_store.h"
#include "store/meta/sqlite_meta_store.h"
#include "store/object/object_store.h"
#include "sys/file.h"

namespace hodei::server {
namespace {

constexpr const char* kServerVersion = "0.1.0";
constexpr std::chrono::seconds kStopGrace{10};
constexpr size_t kKeyBytes = 32;

// What runs in a temporary folder goes with the server.
struct DataFolder {
  std::unique_ptr<TemporaryDirectory> temporary;
  std::string path;
};

std::vector<std::string> PublicNames(const Config& config) {
  return {config.server().public_names().begin(), config.server().public_names().end()};
}

retention::RetentionOptions RetentionOptionsOf(const Retention& config) {
  constexpr std::chrono::hours kDay{24};
  retention::RetentionOptions options;
  if (config.log_days() > 0) options.logs.age = kDay * config.log_days();
  if (config.log_gib() > 0) options.logs.bytes = config.log_gib() * (int64_t{1} << 30);
  if (config.operation_days() > 0) options.operations.age = kDay * config.operation_days();
  if (config.operations_per_project() > 0) {
    options.operations.per_project = config.operations_per_project();
  }
  return options;
}

class RealServer : public Server {
 public:
  Status Init(const Options& options, const Config& config);
  ~RealServer() override { Stop(); }

  std::string url() const override { return url_; }
  std::string tls_url() const override { return tls_url_; }
  std::vector<std::string> notices() const override { return notices_; }
  Status ReloadCertificates(const Config& config) override;
  void Stop() override;

 private:
  Result<net::Certificates> Certificates(const Config& config) const;
  Status OpenStores(const Options& options, const Config& config);
  Status Listen(const Options& options, const Config& config);
  Result<std::string> KeptKey(const std::string& name) const;
  Status OpenPageTokens();
  Status OpenJobNames();
  void StartOwnerKey(const Options& options);
  Status OpenAccess(const Options& options);
  Status WriteServerFile(const Options& options) const;
  std::string UrlOf(const HostPort& address, uint16_t port, std::string_view scheme) const;

  const Clock& clock_ = SystemClock();
  // In dependency order: what is below uses what is above.
  Health health_;
  DataFolder data_;
  std::unique_ptr<store::MetaStore> meta_;
  std::unique_ptr<store::ObjectStore> objects_;
  std::unique_ptr<objects::ObjectReconciler> object_reconciler_;
  std::unique_ptr<store::LogStore> logs_;
  std::unique_ptr<access::JobTokens> job_tokens_;
  std::shared_ptr<const net::NameCertificates> job_certificates_;
  std::string job_trust_dir_;
  std::unique_ptr<access::Authenticator> authenticator_;
  std::unique_ptr<access::Authorizer> authorizer_;
  std::unique_ptr<access::Projects> projects_;
  std::unique_ptr<wire::PageTokens> page_tokens_;
  JobSocketListener job_sockets_;
  std::unique_ptr<Training> training_;
  std::unique_ptr<Serving> serving_;
  std::unique_ptr<retention::RetentionReconciler> retention_;
  std::unique_ptr<Surfaces> surfaces_;
  std::unique_ptr<Application> application_;
  std::unique_ptr<net::HttpServer> http_;
  std::string url_;
  std::string tls_url_;
  std::vector<std::string> notices_;
  bool stopped_ = false;
  // The pair of the owner's first key, while it is being made.
  std::future<Result<access::RsaKeyPair>> owner_pair_;
  // Writes the key file of a server that asks for no credential. Last: it uses what is above.
  std::future<void> owner_key_;
};

Status RealServer::OpenStores(const Options& options, const Config& config) {
  if (options.ephemeral) {
    SkipDiskSyncs();
    data_.temporary = std::make_unique<TemporaryDirectory>();
    data_.path = data_.temporary->path() + "/data";
  } else {
    data_.path = options.data_dir;
  }
  RETURN_IF_ERROR_CTX(MakeDirectories(data_.path, 0700), "make the data folder");
  StartOwnerKey(options);
  if (options.ephemeral) {
    meta_ = store::MakeMemoryMetaStore();
    objects_ = store::MakeMemoryObjectStore(&clock_);
  } else {
    ASSIGN_OR_RETURN(
        meta_, store::OpenSqliteMetaStore(store::SqliteMetaStoreOptions{
                   .path = data_.path + "/meta.db", .on_degraded = [this](const Status& status) {
                     spdlog::error("{}", status.message());
                     health_.Degrade(status);
                   }}));
    ASSIGN_OR_RETURN(const std::optional<store::RemoteOptions> remote, ReadRemoteOptions(config));
    const std::string folder = data_.path + "/objects";
    ASSIGN_OR_RETURN(objects_,
                     remote ? store::OpenRemoteObjectStore(folder, &clock_, *remote)
                            : store::OpenLocalObjectStore({.directory = folder, .clock = &clock_}));
  }
  object_reconciler_ = std::make_unique<objects::ObjectReconciler>(objects_.get(), &clock_);
  ASSIGN_OR_RETURN(logs_, store::LogStore::Open(data_.path + "/logs", clock_));
  return OkStatus();
}

// What was signed with a key outlives a restart: the key is kept in the file `name`.
Result<std::string> RealServer::KeptKey(const std::string& name) const {
  const std::string path = data_.path + "/" + name;
  Result<std::string> key = ReadFile(path);
  if (key.status().code() == Code::kNotFound) {
    key = RandomBytes(kKeyBytes);
    RETURN_IF_ERROR(WriteFileDurably(path, *key, 0600));
  }
  if (!key.ok()) return Annotate(key.status(), fmt::format("read '{}'", path));
  return key;
}

Status RealServer::OpenPageTokens() {
  ASSIGN_OR_RETURN(const std::string key, KeptKey("page-token.key"));
  page_tokens_ = std::make_unique<wire::PageTokens>(Secret(key));
  return OkStatus();
}

std::string RealServer::UrlOf(const HostPort& address, uint16_t port,
                              std::string_view scheme) const {
  const bool v6 = address.host.find(':') != std::string::npos;
  return fmt::format("{}://{}{}{}:{}", scheme, v6 ? "[" : "", address.host, v6 ? "]" : "", port);
}

Result<net::Certificates> RealServer::Certificates(const Config& config) const {
  return net::EnsureCertificates(data_.path + "/tls", PublicNames(config), clock_);
}

Status RealServer::Listen(const Options& options, const Config& config) {
  net::ServerOptions server_options;
  if (config.server().pool_threads() > 0) {
    server_options.pool_threads = config.server().pool_threads();
  }
  ASSIGN_OR_RETURN(http_, net::HttpServer::Create(server_options, application_.get()));
  const auto in_use = [](const Status& status, const HostPort& address, std::string_view flag) {
    return Annotate(status, fmt::format("listen on {}:{} (another server? choose a free port with "
                                        "{} HOST:0)",
                                        address.host, address.port, flag));
  };
  Result<uint16_t> port = http_->ListenTcp(options.listen.host, options.listen.port);
  if (!port.ok()) return in_use(port.status(), options.listen, "--listen");
  url_ = UrlOf(options.listen, *port, "http");
  if (options.no_tls) return OkStatus();
  ASSIGN_OR_RETURN(const net::Certificates certificates, Certificates(config));
  port = http_->ListenTls(options.listen_tls.host, options.listen_tls.port, certificates.server);
  if (!port.ok()) return in_use(port.status(), options.listen_tls, "--listen-tls");
  tls_url_ = UrlOf(options.listen_tls, *port, "https");
  return OkStatus();
}

// What jobs' private names need. The authority certifies nothing else, and is not the one that
// the owner's clients trust.
Status RealServer::OpenJobNames() {
  ASSIGN_OR_RETURN(const std::string key, KeptKey("job-token.key"));
  job_tokens_ = std::make_unique<access::JobTokens>(Secret(key), &clock_);
  RETURN_IF_ERROR(MakeDirectories(data_.path + "/tls", 0700));
  ASSIGN_OR_RETURN(
      std::unique_ptr<net::NameCertificates> certificates,
      net::NameCertificates::Open(data_.path + "/tls/jobs-ca", jobs::PrivateNames(), clock_));
  job_certificates_ = std::move(certificates);
  ASSIGN_OR_RETURN_CTX(
      job_trust_dir_,
      MakeJobTrust(data_.path + "/tls/jobs-trust", job_certificates_->authority_pem()),
      "files that jobs trust");
  return OkStatus();
}

// An RSA key takes longer than all the rest of a first start: it is made beside it.
void RealServer::StartOwnerKey(const Options& options) {
  if (options.auth_none || FileExists(data_.path + "/credentials/owner.json")) return;
  owner_pair_ = std::async(std::launch::async, access::GenerateRsaKey);
}

// After Listen(): the key file names the URL that clients reach.
Status RealServer::OpenAccess(const Options& options) {
  access::OwnerOptions owner_options{
      .data_dir = data_.path, .server_url = url_, .key_later = options.auth_none};
  if (owner_pair_.valid()) owner_options.key_pair = [this] { return owner_pair_.get(); };
  ASSIGN_OR_RETURN(const access::OwnerFiles owner,
                   access::EnsureOwner(owner_options, meta_.get(), clock_));
  if (options.auth_none) {
    // Nobody needs the key to get in, so nobody waits for it.
    owner_key_ = std::async(std::launch::async, [this, owner_options] {
      const Status made = access::EnsureOwnerKey(owner_options, meta_.get(), clock_);
      if (!made.ok()) spdlog::warn("{}", made.message());
    });
    notices_.push_back("emulator mode: no credential is asked for, on loopback only (--auth none)");
  } else {
    notices_.push_back(fmt::format("credentials: {} and {}", owner.key_path, owner.token_path));
  }
  return OkStatus();
}

Status RealServer::WriteServerFile(const Options& options) const {
  return WriteFileDurably(
      data_.path + "/server.json",
      fmt::format("{{\"url\":\"{}\",\"tls_url\":\"{}\",\"pid\":{},\"version\":\"{}\","
                  "\"auth\":\"{}\",\"project\":\"hodei-local\"}}\n",
                  url_, tls_url_, getpid(), kServerVersion, options.auth_none ? "none" : "token"),
      0644);
}

Status RealServer::Init(const Options& options, const Config& config) {
  RETURN_IF_ERROR(OpenStores(options, config));
  const auto mode = options.auth_none ? access::AuthMode::kNone : access::AuthMode::kCredentials;
  RETURN_IF_ERROR(OpenJobNames());
  authenticator_ = access::MakeAuthenticator(mode, meta_.get(), &clock_, job_tokens_.get());
  authorizer_ = access::MakeAuthorizer(meta_.get());
  projects_ = std::make_unique<access::Projects>(meta_.get(), &clock_);
  RETURN_IF_ERROR(OpenPageTokens());
  ASSIGN_OR_RETURN(training_, Training::Open({.data_dir = data_.path,
                                              .config = config,
                                              .meta = meta_.get(),
                                              .objects = objects_.get(),
                                              .logs = logs_.get(),
                                              .sockets = &job_sockets_,
                                              .job_trust_dir = job_trust_dir_,
                                              .authorizer = authorizer_.get(),
                                              .page_tokens = page_tokens_.get(),
                                              .clock = &clock_}));
  for (const std::string& notice : training_->notices()) notices_.push_back(notice);
  ASSIGN_OR_RETURN(serving_, Serving::Open({.data_dir = data_.path,
                                            .config = config,
                                            .meta = meta_.get(),
                                            .objects = objects_.get(),
                                            .logs = logs_.get(),
                                            .training = training_.get(),
                                            .authorizer = authorizer_.get(),
                                            .page_tokens = page_tokens_.get(),
                                            .clock = &clock_}));
  retention_ = std::make_unique<retention::RetentionReconciler>(
      retention::LogRetention::Parts{.logs = logs_.get(),
                                     .meta = meta_.get(),
                                     .clock = &clock_,
                                     .jobs_dir = data_.path + "/jobs"},
      RetentionOptionsOf(config.retention()));
  surfaces_ = std::make_unique<Surfaces>(Surfaces::Parts{.meta = meta_.get(),
                                                         .objects = objects_.get(),
                                                         .logs = logs_.get(),
                                                         .authenticator = authenticator_.get(),
                                                         .authorizer = authorizer_.get(),
                                                         .projects = projects_.get(),
                                                         .training = training_.get(),
                                                         .serving = serving_.get(),
                                                         .page_tokens = page_tokens_.get(),
                                                         .job_tokens = job_tokens_.get(),
                                                         .clock = &clock_,
                                                         .public_names = PublicNames(config),
                                                         .health = &health_});
  application_ = std::make_unique<Application>(surfaces_->All());
  RETURN_IF_ERROR(Listen(options, config));
  RETURN_IF_ERROR(OpenAccess(options));
  std::vector<std::string> token_uris = {url_ + "/token"};
  if (!tls_url_.empty()) token_uris.push_back(tls_url_ + "/token");
  surfaces_->SetTokenUris(std::move(token_uris));
  job_sockets_.Attach(http_.get(), job_certificates_);
  RETURN_IF_ERROR(http_->Start());
  RETURN_IF_ERROR(WriteServerFile(options));
  training_->StartReconciling();
  object_reconciler_->Start();
  serving_->StartReconciling();
  retention_->Start();
  return OkStatus();
}

Status RealServer::ReloadCertificates(const Config& config) {
  if (tls_url_.empty()) return OkStatus();
  ASSIGN_OR_RETURN(const net::Certificates certificates, Certificates(config));
  return http_->ReloadTls(certificates.server);
}

void RealServer::Stop() {
  if (stopped_) return;
  stopped_ = true;
  if (surfaces_) surfaces_->EndStreams();
  if (serving_) serving_->EndRequests();
  if (http_) http_->Stop(kStopGrace);
  if (serving_) serving_->StopReconciling();
  if (training_) training_->StopReconciling();
  if (object_reconciler_) object_reconciler_->Stop();
  if (retention_) retention_->Stop();
}

}  // namespace

Result<std::unique_ptr<Server>> Server::Start(const Options& options, const Config& config) {
  auto server = std::make_unique<RealServer>();
  RETURN_IF_ERROR(server->Init(options, config));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace hodei::server
