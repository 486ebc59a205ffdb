#include "exec/replica_init/dns_message.h"

#include <gtest/gtest.h>

namespace hodei::exec {
namespace {

// "abc.Example.com", type A, class IN, recursion desired, id 0x1234.
std::string Query(uint16_t type = kDnsTypeA) {
  std::string message("\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
  message += std::string("\x03") + "abc" + "\x07" + "Example" + "\x03" + "com" + '\0';
  message += static_cast<char>(type >> 8);
  message += static_cast<char>(type);
  message += std::string("\x00\x01", 2);
  return message;
}

TEST(DnsMessageTest, ReadsTheQuestionInLowerCase) {
  const auto query = ParseDnsQuery(Query());
  ASSERT_TRUE(query);
  EXPECT_EQ(query->id, 0x1234);
  EXPECT_EQ(query->name, "abc.example.com");
  EXPECT_EQ(query->type, kDnsTypeA);
  EXPECT_EQ(query->class_, kDnsClassIn);
  EXPECT_TRUE(query->recursion_desired);
}

TEST(DnsMessageTest, AnAnswerRepeatsTheQuestionAsItWasSpelled) {
  const auto query = ParseDnsQuery(Query());
  const std::string answer = DnsAnswer(*query, "169.254.169.254");
  EXPECT_EQ(answer.substr(0, 12),
            std::string("\x12\x34\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00", 12));
  EXPECT_EQ(answer.substr(12, query->question.size()), Query().substr(12));
  EXPECT_EQ(answer.substr(12 + query->question.size()),
            std::string("\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xa9\xfe\xa9\xfe", 16));
  EXPECT_EQ(CodeOfAnswer(*query, answer), 0);
  EXPECT_EQ(CodeOfAnswer(*query, DnsAnswer(*query, DnsCode::kNoSuchName)), 3);
}

TEST(DnsMessageTest, AnAnswerToAnotherQuestionIsNone) {
  const auto query = ParseDnsQuery(Query());
  auto other = *ParseDnsQuery(Query(28));
  EXPECT_FALSE(CodeOfAnswer(*query, DnsAnswer(other, DnsCode::kOk)));
  other = *query;
  other.id = 0x1235;
  EXPECT_FALSE(CodeOfAnswer(*query, DnsAnswer(other, DnsCode::kOk)));
  EXPECT_FALSE(CodeOfAnswer(*query, Query())) << "a question is no answer";
  EXPECT_FALSE(CodeOfAnswer(*query, ""));
}

TEST(DnsMessageTest, RefusesEveryCutAndWhatIsNoPlainQuestion) {
  const std::string good = Query();
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(ParseDnsQuery(good.substr(0, size))) << size;
  }
  const auto with = [&](size_t at, char byte) {
    std::string bad = good;
    bad[at] = byte;
    return bad;
  };
  EXPECT_FALSE(ParseDnsQuery(with(2, '\x81'))) << "an answer";
  EXPECT_FALSE(ParseDnsQuery(with(2, '\x28'))) << "an update";
  EXPECT_FALSE(ParseDnsQuery(with(5, '\x00'))) << "no question";
  EXPECT_FALSE(ParseDnsQuery(with(5, '\x02'))) << "two questions";
  EXPECT_FALSE(ParseDnsQuery(with(12, '\xc0'))) << "a compressed name";
  EXPECT_FALSE(ParseDnsQuery(with(12, '\x40'))) << "a label of 64 bytes";
  EXPECT_FALSE(ParseDnsQuery(with(14, '.'))) << "a dot in a label";
}

TEST(DnsMessageTest, ANameLongerThanAllowedIsRefused) {
  const auto query_of = [](int labels) {
    std::string message = Query().substr(0, 12);
    for (int i = 0; i < labels; ++i) message += std::string("\x3f") + std::string(63, 'a');
    return message + std::string("\x00\x00\x01\x00\x01", 5);
  };
  EXPECT_TRUE(ParseDnsQuery(query_of(3)));
  EXPECT_FALSE(ParseDnsQuery(query_of(4)));
}

TEST(DnsMessageTest, AZoneHoldsItselfAndWhatIsBelow) {
  const std::vector<std::string> zones = {"example.com", "metadata"};
  for (const char* name : {"example.com", "a.example.com", "x.y.example.com", "metadata"}) {
    EXPECT_TRUE(IsInZones(name, zones)) << name;
  }
  for (const char* name : {"", "com", "badexample.com", "example.com.org", "metadata.org"}) {
    EXPECT_FALSE(IsInZones(name, zones)) << name;
  }
}

}  // namespace
}  // namespace hodei::exec
