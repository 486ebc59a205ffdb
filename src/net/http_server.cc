#include "net/http_server.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <mutex>
#include <utility>
#include <vector>

#include "net/connection.h"
#include "net/io_thread.h"
#include "net/listener.h"
#include "net/tls_context.h"
#include "net/transport.h"
#include "net/worker_pool.h"

namespace hodei::net {
namespace {

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

class Server final : public HttpServer {
 public:
  Server(const ServerOptions& options, Application* application);
  ~Server() override;

  Result<uint16_t> ListenTcp(const std::string& address, uint16_t port) override;
  Result<uint16_t> ListenTls(const std::string& address, uint16_t port,
                             const TlsFiles& tls) override;
  Status ListenUnix(const std::string& path, mode_t mode, const std::string& label) override;
  Status ListenUnixTls(const std::string& path, mode_t mode, const std::string& label,
                       std::shared_ptr<const NameCertificates> certificates) override;
  Status CloseUnix(const std::string& label) override;
  Status Start() override;
  void Stop(std::chrono::milliseconds grace) override;
  Status ReloadTls(const TlsFiles& tls) override;

 private:
  struct UnixSocket {
    std::string path;
    std::string label;
    std::shared_ptr<Listener> listener;
  };

  // The thread that accepts; the others receive connections from it in turn.
  IoThread* acceptor() { return io_threads_.front().get(); }
  // What connections are encrypted with, asked for each; null for plain ones.
  using TlsSource = std::function<TlsContext()>;
  std::shared_ptr<Listener> AddListener(UniqueFd fd, const std::string& label, TlsSource tls);
  Status AddUnixListener(const std::string& path, mode_t mode, const std::string& label,
                         TlsSource tls);
  void Accept(UniqueFd fd, Peer peer, const TlsSource& tls);
  void Refuse(UniqueFd fd, bool tls);
  TlsContext tls_context();

  // Declared in dependency order: connections use the core and the pool, tasks of the pool post to
  // the I/O threads' loops.
  std::vector<std::unique_ptr<IoThread>> io_threads_;
  std::unique_ptr<WorkerPool> pool_;
  std::unique_ptr<ServerCore> core_;

  std::mutex mutex_;
  bool started_ = false;                              // guarded by mutex_
  bool stopped_ = false;                              // guarded by mutex_
  TlsContext tls_context_;                            // guarded by mutex_
  std::vector<std::shared_ptr<Listener>> listeners_;  // guarded by mutex_
  std::vector<UnixSocket> unix_sockets_;              // guarded by mutex_
  size_t next_io_thread_ = 0;                         // accepting thread only
};

Server::Server(const ServerOptions& options, Application* application)
    : pool_(std::make_unique<WorkerPool>(static_cast<size_t>(std::max(1, options.pool_threads)),
                                         options.pool_queue_limit)),
      core_(std::make_unique<ServerCore>(options, application, pool_.get())) {
  for (int i = 0; i < std::max(1, options.io_threads); ++i) {
    io_threads_.push_back(std::make_unique<IoThread>(core_.get()));
  }
}

Server::~Server() { Stop(std::chrono::milliseconds(0)); }

TlsContext Server::tls_context() {
  const std::lock_guard lock(mutex_);
  return tls_context_;
}

std::shared_ptr<Listener> Server::AddListener(UniqueFd fd, const std::string& label,
                                              TlsSource tls) {
  const bool has_tls = tls != nullptr;
  return std::make_shared<Listener>(
      acceptor(), std::move(fd), label,
      [this, tls = std::move(tls)](UniqueFd accepted, Peer peer) {
        Accept(std::move(accepted), std::move(peer), tls);
      },
      [this, has_tls](UniqueFd refused) { Refuse(std::move(refused), has_tls); });
}

Result<uint16_t> Server::ListenTcp(const std::string& address, uint16_t port) {
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOnTcp(address, &port));
  const std::lock_guard lock(mutex_);
  if (started_) return FailedPrecondition("ListenTcp() after Start()");
  listeners_.push_back(AddListener(std::move(fd), "", nullptr));
  return port;
}

Result<uint16_t> Server::ListenTls(const std::string& address, uint16_t port, const TlsFiles& tls) {
  ASSIGN_OR_RETURN(TlsContext context, MakeTlsContext(tls));
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOnTcp(address, &port));
  const std::lock_guard lock(mutex_);
  if (started_) return FailedPrecondition("ListenTls() after Start()");
  tls_context_ = std::move(context);
  listeners_.push_back(AddListener(std::move(fd), "", [this] { return tls_context(); }));
  return port;
}

Status Server::ReloadTls(const TlsFiles& tls) {
  ASSIGN_OR_RETURN(TlsContext context, MakeTlsContext(tls));
  const std::lock_guard lock(mutex_);
  tls_context_ = std::move(context);
  return OkStatus();
}

Status Server::ListenUnix(const std::string& path, mode_t mode, const std::string& label) {
  return AddUnixListener(path, mode, label, nullptr);
}

Status Server::ListenUnixTls(const std::string& path, mode_t mode, const std::string& label,
                             std::shared_ptr<const NameCertificates> certificates) {
  ASSIGN_OR_RETURN(TlsContext context, MakeNamedTlsContext(std::move(certificates)));
  return AddUnixListener(path, mode, label, [context] { return context; });
}

Status Server::AddUnixListener(const std::string& path, mode_t mode, const std::string& label,
                               TlsSource tls) {
  const std::lock_guard lock(mutex_);
  if (stopped_) return FailedPrecondition("ListenUnix() after Stop()");
  for (const UnixSocket& socket : unix_sockets_) {
    if (socket.label == label) {
      return AlreadyExists(fmt::format("a unix socket with label '{}' is served already", label));
    }
  }
  ASSIGN_OR_RETURN(UniqueFd fd, ListenOnUnix(path, mode));
  UnixSocket socket{path, label, AddListener(std::move(fd), label, std::move(tls))};
  if (started_) {
    acceptor()->Post([listener = socket.listener] { listener->Start(); });
  }
  unix_sockets_.push_back(std::move(socket));
  return OkStatus();
}

Status Server::CloseUnix(const std::string& label) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(unix_sockets_.begin(), unix_sockets_.end(),
                                  [&](const UnixSocket& socket) { return socket.label == label; });
  if (found == unix_sockets_.end() || stopped_) return OkStatus();
  unlink(found->path.c_str());
  acceptor()->Post([this, label, listener = found->listener] {
    listener->Close();
    // After the listener, so that what it handed over before is found.
    for (const auto& io : io_threads_) {
      io->Post([thread = io.get(), label] { thread->CutLabel(label); });
    }
  });
  unix_sockets_.erase(found);
  return OkStatus();
}

Status Server::Start() {
  const std::lock_guard lock(mutex_);
  if (started_) return FailedPrecondition("the server was started before");
  started_ = true;
  for (const auto& io : io_threads_) io->Start();
  for (const auto& listener : listeners_) {
    acceptor()->Post([listener] { listener->Start(); });
  }
  for (const UnixSocket& socket : unix_sockets_) {
    acceptor()->Post([listener = socket.listener] { listener->Start(); });
  }
  return OkStatus();
}

void Server::Accept(UniqueFd fd, Peer peer, const TlsSource& tls) {
  if (core_->connections.fetch_add(1) >= core_->options.connection_limit) {
    Refuse(std::move(fd), tls != nullptr);
    core_->ConnectionEnded();
    return;
  }
  IoThread* io = io_threads_[next_io_thread_++ % io_threads_.size()].get();
  auto serve = [this, io, tls, fd = std::move(fd), peer = std::move(peer)]() mutable {
    const int family = peer.address == "unix" ? AF_UNIX : AF_INET;
    peer.tls = tls != nullptr;
    boost::system::error_code error;
    StreamSocket socket(io->context());
    socket.assign(boost::asio::generic::stream_protocol(family, 0), fd.get(), error);
    if (error) return core_->ConnectionEnded();
    fd.Release();
    // sendfile(2) must not wait, whatever Asio thinks of the socket.
    socket.native_non_blocking(true, error);
    std::unique_ptr<Transport> transport =
        tls ? MakeTlsTransport(std::move(socket), tls()) : MakePlainTransport(std::move(socket));
    auto connection =
        std::make_shared<Connection>(core_.get(), io, std::move(transport), std::move(peer));
    Connection::Serve(std::move(connection));
  };
  if (io == acceptor()) {
    serve();
  } else {
    io->Post(std::move(serve));
  }
}

void Server::Refuse(UniqueFd fd, bool tls) {
  if (tls) return;  // an answer would need the handshake that we have no room for
  const std::string bytes = RenderRefusal(core_.get(), acceptor());
  // Unread bytes at the close would make the kernel send a reset in front of the answer.
  char request[4096];
  (void)recv(fd.get(), request, sizeof(request), MSG_DONTWAIT);
  (void)send(fd.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  shutdown(fd.get(), SHUT_WR);
}

void Server::Stop(std::chrono::milliseconds grace) {
  const auto deadline = std::chrono::steady_clock::now() + grace;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
    core_->stopping.store(true);
    for (const UnixSocket& socket : unix_sockets_) {
      unlink(socket.path.c_str());
      listeners_.push_back(socket.listener);
    }
    unix_sockets_.clear();
  }
  if (!started_) return;
  acceptor()->Post([this] {
    for (const auto& listener : listeners_) listener->Close();
    for (const auto& io : io_threads_) {
      io->Post([thread = io.get()] { thread->SweepNow(); });
    }
  });
  if (!core_->WaitForConnections(deadline)) {
    for (const auto& io : io_threads_) {
      io->Post([thread = io.get()] { thread->CutAll(); });
    }
    // What remains are handler calls on the pool, which end by themselves.
    core_->WaitForConnections(std::chrono::steady_clock::time_point::max());
  }
  for (const auto& io : io_threads_) io->Join();
  pool_.reset();  // runs the last OnAbort() calls
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Create(const ServerOptions& options,
                                                       Application* application) {
  try {
    return std::unique_ptr<HttpServer>(std::make_unique<Server>(options, application));
  } catch (const std::exception& error) {
    return ResourceExhausted(std::string("start the HTTP server: ") + error.what());
  }
}

}  // namespace hodei::net
