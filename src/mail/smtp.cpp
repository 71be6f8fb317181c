// libcurl's SMTP and its MIME. A connection for each message: notices are few, and a connection of
// its own leaves no doubt about which message was lost with it.
#include "mail/smtp.hpp"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <memory>
#include <mutex>

#include "base/check.hpp"
#include "base/file_name.hpp"
#include "base/text.hpp"

namespace carryall::mail {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kConnectTimeout{10'000};
constexpr std::size_t kMaxReplyBytes = 1'000;
// As slow as a line may be before a message is given up.
constexpr std::uint64_t kLeastBytesPerSecond = 128 * 1'024;
constexpr int kGoAhead = 354;  // the server waits for the message
constexpr int kFarewell = 221;
constexpr int kTemporary = 400;
constexpr int kPermanent = 500;

void init_curl_once() {
    static std::once_flag once;
    std::call_once(once, [] { CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK); });
}

struct Close {
    void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
    void operator()(curl_mime* mime) const { curl_mime_free(mime); }
    void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};
using List = std::unique_ptr<curl_slist, Close>;

void append(List& list, const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    CHECK(longer != nullptr);
    (void)list.release();
    list.reset(longer);
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

// The server's replies to what was asked before the farewell, as curl shows them one line at a
// time.
struct Replies {
    int count = 0;
    int code = 0;  // of the last
    std::string line;
    bool was_told_to_go_ahead = false;

    void take(std::string_view text) {
        text = base::trim(text);
        if (text.size() < 3) return;
        const auto number = base::parse_int(text.substr(0, 3));
        if (!number || *number == kFarewell) return;
        ++count;
        code = static_cast<int>(*number);
        line = std::string(text.substr(0, kMaxReplyBytes));
        if (code == kGoAhead) was_told_to_go_ahead = true;
    }
};

std::size_t on_reply(char* data, std::size_t size, std::size_t count, void* user) {
    static_cast<Replies*>(user)->take({data, size * count});
    return size * count;
}

bool is_header_text(std::string_view text) {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

List headers_of(const Message& message) {
    List headers;
    append(headers, "Date: " + date_header(message.date));
    append(headers, "From: <" + message.from + ">");
    append(headers, "To: <" + message.to + ">");
    append(headers, "Subject: " + subject_header(message.subject));
    append(headers, "Message-ID: <" + message.message_id + ">");
    append(headers, "Auto-Submitted: auto-generated");
    return headers;
}

void add_part(curl_mime* mime, const std::string& text, const char* type) {
    curl_mimepart* part = curl_mime_addpart(mime);
    CHECK(part != nullptr);
    curl_mime_data(part, text.data(), text.size());
    curl_mime_type(part, type);
    curl_mime_encoder(part, "quoted-printable");
}

// False: the file cannot be read. Curl reads it while it sends.
bool add_file(curl_mime* mime, const Attachment& attachment) {
    curl_mimepart* part = curl_mime_addpart(mime);
    CHECK(part != nullptr);
    if (curl_mime_filedata(part, attachment.file.c_str()) != CURLE_OK) return false;
    // With a name of its own curl would add a second disposition.
    curl_mime_filename(part, nullptr);
    curl_mime_type(part, attachment.content_type.c_str());
    curl_mime_encoder(part, "base64");
    List headers;
    append(headers, "Content-Disposition: " + base::attachment_disposition(attachment.file_name));
    curl_mime_headers(part, headers.release(), 1);  // curl owns them now
    return true;
}

// Null: an attachment cannot be read.
std::unique_ptr<curl_mime, Close> body_of(CURL* easy, const Message& message) {
    std::unique_ptr<curl_mime, Close> whole(curl_mime_init(easy));
    // The last one is what a reader that can show it prefers.
    std::unique_ptr<curl_mime, Close> alternatives(curl_mime_init(easy));
    CHECK(whole && alternatives);
    add_part(alternatives.get(), message.text, "text/plain; charset=utf-8");
    add_part(alternatives.get(), message.html, "text/html; charset=utf-8");
    curl_mimepart* part = curl_mime_addpart(whole.get());
    CHECK(part != nullptr);
    curl_mime_subparts(part, alternatives.release());
    curl_mime_type(part, "multipart/alternative");
    for (const Attachment& attachment : message.attachments) {
        if (!add_file(whole.get(), attachment)) return nullptr;
    }
    return whole;
}

void set_server(CURL* easy, const SmtpServer& server, milliseconds allowed) {
    const std::string scheme = server.tls == Tls::implicit ? "smtps://" : "smtp://";
    const std::string url = scheme + server.host + ":" + std::to_string(server.port);
    set(easy, CURLOPT_URL, url.c_str());
    set(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    set(easy, CURLOPT_FORBID_REUSE, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(kConnectTimeout.count()));
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(allowed.count()));
    set(easy, CURLOPT_USE_SSL,
        static_cast<long>(server.tls == Tls::none ? CURLUSESSL_NONE : CURLUSESSL_ALL));
    if (!server.ca_file.empty()) set(easy, CURLOPT_CAINFO, server.ca_file.c_str());
    if (!server.username.empty()) {
        CHECK(server.tls != Tls::none);  // the configuration refuses it
        set(easy, CURLOPT_USERNAME, server.username.c_str());
        set(easy, CURLOPT_PASSWORD, server.password.reveal().c_str());
    }
}

// A server that does not know us, whom we do not trust or who hangs up on us says nothing about the
// message.
bool is_about_us(CURLcode code, const Replies& replies) {
    constexpr std::array kAboutLogin = {530, 534, 535, 538};
    return code == CURLE_LOGIN_DENIED || code == CURLE_USE_SSL_FAILED ||
           code == CURLE_PEER_FAILED_VERIFICATION || replies.count <= 1 ||
           std::find(kAboutLogin.begin(), kAboutLogin.end(), replies.code) != kAboutLogin.end();
}

Fate fate_of(CURLcode code, const Replies& replies) {
    if (code == CURLE_OK) return Fate::taken;
    // A reply that comes too late may even say that it was taken; only a refusal is believed.
    if (replies.was_told_to_go_ahead && replies.code < kTemporary) return Fate::unclear;
    return replies.code >= kPermanent && !is_about_us(code, replies) ? Fate::refused
                                                                     : Fate::not_taken;
}

}  // namespace

std::string_view to_string(Fate fate) {
    static constexpr std::array<std::string_view, 4> kNames = {"taken", "refused", "not_taken",
                                                               "unclear"};
    return kNames[static_cast<std::size_t>(fate)];
}

milliseconds time_allowed(const SmtpServer& server, std::uint64_t attached_bytes) {
    return server.timeout + std::chrono::seconds(attached_bytes / kLeastBytesPerSecond);
}

SmtpReport send(const SmtpServer& server, const Message& message) {
    // Whoever queued it has checked; what goes into a command is checked where it goes in.
    CHECK(check_address(message.from) && check_address(message.to));
    std::uint64_t attached_bytes = 0;
    for (const Attachment& attachment : message.attachments) {
        CHECK(base::check_file_name(attachment.file_name) &&
              is_header_text(attachment.content_type));
        std::error_code failed;
        const auto bytes = std::filesystem::file_size(attachment.file, failed);
        if (!failed) attached_bytes += bytes;
    }
    init_curl_once();
    const std::unique_ptr<CURL, Close> easy(curl_easy_init());
    CHECK(easy != nullptr);
    set_server(easy.get(), server, time_allowed(server, attached_bytes));
    Replies replies;
    set(easy.get(), CURLOPT_HEADERFUNCTION, &on_reply);
    set(easy.get(), CURLOPT_HEADERDATA, &replies);
    std::array<char, CURL_ERROR_SIZE> error_text{};
    set(easy.get(), CURLOPT_ERRORBUFFER, error_text.data());
    const std::string from = "<" + message.from + ">";
    set(easy.get(), CURLOPT_MAIL_FROM, from.c_str());
    List recipients;
    append(recipients, "<" + message.to + ">");
    set(easy.get(), CURLOPT_MAIL_RCPT, recipients.get());
    const List headers = headers_of(message);
    set(easy.get(), CURLOPT_HTTPHEADER, headers.get());
    const auto body = body_of(easy.get(), message);
    if (body == nullptr) {
        SmtpReport report;
        report.error = "an attachment cannot be read";
        return report;
    }
    set(easy.get(), CURLOPT_MIMEPOST, body.get());

    const CURLcode code = curl_easy_perform(easy.get());
    SmtpReport report;
    report.fate = fate_of(code, replies);
    report.code = replies.code;
    report.reply = replies.line;
    if (code != CURLE_OK) {
        const std::string why =
            error_text[0] != '\0' ? error_text.data() : curl_easy_strerror(code);
        report.error = server.host + ": " + why;
        if (replies.code >= kTemporary) report.error += " (" + replies.line + ")";
    }
    return report;
}

}  // namespace carryall::mail
