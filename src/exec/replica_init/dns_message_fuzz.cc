// What a job sends to its name server: anything. An accepted question must survive being answered.
#include <cstdlib>

#include "exec/replica_init/dns_message.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hodei::exec;
  const std::string_view message(reinterpret_cast<const char*>(data), size);
  const auto query = ParseDnsQuery(message);
  if (!query) return 0;
  const std::string answer = DnsAnswer(*query, "169.254.169.254");
  if (CodeOfAnswer(*query, answer) != 0 || ParseDnsQuery(answer)) std::abort();
  if (query->name.size() > 253 || query->question.size() > size) std::abort();
  (void)CodeOfAnswer(*query, message.substr(size / 2));
  (void)IsInZones(query->name, {"googleapis.com", "metadata", query->name});
  return 0;
}
