// The files of one outgoing exchange: where its body is read from, where its answer goes. What must
// stay true: an answer's file stays only if the whole of a good answer is in it; a body's file that
// changes its size while it is sent ends the exchange.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "base/result.hpp"

namespace carryall::http {

class ExchangeFiles {
  public:
    ExchangeFiles() = default;
    ~ExchangeFiles() { close(false); }  // a client that goes in the middle of an exchange
    ExchangeFiles(const ExchangeFiles&) = delete;
    ExchangeFiles& operator=(const ExchangeFiles&) = delete;

    // Either may be empty: then there is none.
    base::Result<void> open(const std::filesystem::path& body, const std::filesystem::path& answer);
    // False: an answer to be kept could not be written to its end.
    bool close(bool keeps_answer);

    bool has_body() const { return body_ != nullptr; }
    std::uint64_t body_bytes() const { return body_bytes_; }
    // As many as there are, at most `size`; nothing: the file is shorter than it was.
    std::size_t read(char* into, std::size_t size);

    bool has_answer() const { return answer_ != nullptr; }
    std::uint64_t answer_bytes() const { return answer_bytes_; }
    bool write(const char* data, std::size_t size);

  private:
    struct Close {
        void operator()(std::FILE* file) const { std::fclose(file); }
    };
    using File = std::unique_ptr<std::FILE, Close>;

    File body_;
    std::uint64_t body_bytes_ = 0;
    File answer_;
    std::uint64_t answer_bytes_ = 0;
    std::filesystem::path answer_path_;
};

}  // namespace carryall::http
