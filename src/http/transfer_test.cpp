// The reader of events; whole transfers are tested by the command line's tests against a server.
#include "http/transfer.hpp"

#include <gtest/gtest.h>

namespace carryall::http {
namespace {

std::vector<std::string> read(const std::vector<std::string>& pieces) {
    std::vector<std::string> events;
    EventReader reader([&](std::string_view event, std::string_view data) {
        events.push_back(std::string(event) + "=" + std::string(data));
        return event != "finished";
    });
    for (const std::string& piece : pieces) {
        if (!reader.feed(piece)) {
            events.emplace_back("end");
            break;
        }
    }
    return events;
}

using Events = std::vector<std::string>;

TEST(EventReader, events_are_read_however_the_pieces_are_cut) {
    const std::string text = "event: progress\ndata: {\"a\":1}\n\n: keep-alive\n\ndata:x\n\n";
    const Events expected{"progress={\"a\":1}", "message=x"};
    EXPECT_EQ(read({text}), expected);
    for (std::size_t cut = 1; cut < text.size(); ++cut) {
        EXPECT_EQ(read({text.substr(0, cut), text.substr(cut)}), expected) << cut;
    }
}

TEST(EventReader, every_kind_of_line_end_ends_a_line) {
    EXPECT_EQ(read({"data: a\r\n\r\ndata: b\r\rdata: c\n\n"}),
              (Events{"message=a", "message=b", "message=c"}));
    EXPECT_EQ(read({"data: a\r", "\n\r", "\ndata: b\n\n"}), (Events{"message=a", "message=b"}));
}

TEST(EventReader, several_data_lines_are_one_text_and_an_event_without_data_is_none) {
    EXPECT_EQ(read({"data: a\ndata: b\nid: 7\n\nevent: empty\n\n"}), (Events{"message=a\nb"}));
}

TEST(EventReader, the_handler_ends_the_reading) {
    EXPECT_EQ(read({"event: finished\ndata: 1\n\ndata: 2\n\n"}), (Events{"finished=1", "end"}));
}

TEST(EventReader, a_line_without_an_end_is_given_up) {
    EXPECT_EQ(read({"data: " + std::string(EventReader::kMaxLineBytes, 'x')}), (Events{"end"}));
}

TEST(Transfer, a_closed_port_is_unavailable) {
    TransferRequest request;
    request.url = "http://127.0.0.1:1/";
    const auto answer = transfer(request);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, base::ErrorKind::unavailable);
}

TEST(Transfer, a_header_with_a_line_end_is_refused) {
    TransferRequest request;
    request.url = "http://127.0.0.1:1/";
    request.headers = {{"Authorization", "Bearer a\r\nX: y"}};
    EXPECT_EQ(transfer(request).error().kind, base::ErrorKind::invalid_input);
}

TEST(Transfer, a_missing_file_names_itself) {
    TransferRequest request;
    request.url = "http://127.0.0.1:1/";
    request.method = Method::post;
    request.body_file = "/nonexistent/devices.csv";
    EXPECT_EQ(transfer(request).error().where, "/nonexistent/devices.csv");
}

}  // namespace
}  // namespace carryall::http
