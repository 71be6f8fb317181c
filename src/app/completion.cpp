// See completion.hpp. Each script walks the words typed so far down the tree and offers the
// subcommands and options of where it arrives; where nothing fits, files.
#include "app/completion.hpp"

#include <iostream>
#include <vector>

#include "app/cli.hpp"

namespace carryall::app {
namespace {

struct Offer {
    std::string word;  // "submit" or "--dry-run"
    std::string help;
};

struct Place {
    std::string path;  // "carryall change"
    std::vector<Offer> offers;
    std::vector<std::string> children;  // "carryall change submit"
};

void add_options(const CLI::App& app, Place& place) {
    for (const CLI::Option* option : app.get_options()) {
        for (const std::string& name : option->get_lnames()) {
            place.offers.push_back({"--" + name, option->get_description()});
        }
    }
}

void walk(const CLI::App& root, const CLI::App& app, const std::string& path,
          std::vector<Place>& places) {
    Place place{path, {}, {}};
    for (const CLI::App* child : app.get_subcommands({})) {
        place.offers.push_back({child->get_name(), child->get_description()});
        place.children.push_back(path + " " + child->get_name());
    }
    add_options(app, place);
    if (&root != &app) add_options(root, place);
    places.push_back(place);
    for (const CLI::App* child : app.get_subcommands({})) {
        walk(root, *child, path + " " + child->get_name(), places);
    }
}

// Alternatives of a shell's case statement.
std::string alternatives(const std::vector<Place>& places, const char* separator) {
    std::string all;
    for (const Place& place : places) {
        for (const std::string& child : place.children) {
            all += (all.empty() ? "\"" : separator + std::string("\"")) + child + "\"";
        }
    }
    return all;
}

std::string words_of(const Place& place) {
    std::string words;
    for (const Offer& offer : place.offers) words += (words.empty() ? "" : " ") + offer.word;
    return words;
}

std::string bash_script(const std::vector<Place>& places) {
    std::string script = R"(# Completion of carryall for bash: . <(carryall completion bash)
_carryall() {
    local at=carryall word words= i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case "$at $word" in
            )" + alternatives(places, " | ") +
                         R"()
                at="$at $word" ;;
        esac
    done
    case "$at" in
)";
    for (const Place& place : places) {
        script += "        \"" + place.path + "\") words=\"" + words_of(place) + "\" ;;\n";
    }
    script += R"(    esac
    COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _carryall carryall
)";
    return script;
}

std::string zsh_script(const std::vector<Place>& places) {
    std::string script = R"(#compdef carryall
# Completion of carryall for zsh: source <(carryall completion zsh)
_carryall() {
    local at=carryall word
    for word in ${words[2,CURRENT-1]}; do
        case "$at $word" in
            )" + alternatives(places, " | ") +
                         R"()
                at="$at $word" ;;
        esac
    done
    case "$at" in
)";
    for (const Place& place : places) {
        script += "        \"" + place.path + "\") compadd -- " + words_of(place) + " ;;\n";
    }
    script += R"(    esac
    [[ ${words[CURRENT]} == -* ]] || _files
}
compdef _carryall carryall
)";
    return script;
}

// Single quotes for fish: a backslash before quote and backslash.
std::string fish_quoted(const std::string& text) {
    std::string out = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') out += '\\';
        out += c;
    }
    return out + "'";
}

std::string fish_script(const std::vector<Place>& places) {
    std::string script = R"(# Completion of carryall for fish: carryall completion fish | source
function __carryall_at
    set -l at carryall
    for word in (commandline -opc)[2..-1]
        switch "$at $word"
            case )" + alternatives(places, " ") +
                         R"(
                set at "$at $word"
        end
    end
    test "$at" = "$argv[1]"
end
)";
    for (const Place& place : places) {
        for (const Offer& offer : place.offers) {
            const bool is_option = offer.word.starts_with("--");
            script += "complete -c carryall -n '__carryall_at \"" + place.path + "\"' " +
                      (is_option ? "-l " + offer.word.substr(2) : "-f -a " + offer.word) + " -d " +
                      fish_quoted(offer.help) + "\n";
        }
    }
    return script;
}

}  // namespace

std::string completion_script(const CLI::App& root, std::string_view shell) {
    std::vector<Place> places;
    walk(root, root, "carryall", places);
    if (shell == "bash") return bash_script(places);
    if (shell == "zsh") return zsh_script(places);
    if (shell == "fish") return fish_script(places);
    return {};
}

void add_completion_command(CLI::App& root, Cli& cli) {
    static std::string shell;
    auto* app = root.add_subcommand("completion", "Print the completion script of a shell");
    app->add_option("shell", shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    app->callback([&root, &cli] {
        cli.command = [&root]() -> base::Result<void> {
            std::cout << completion_script(root, shell);
            return {};
        };
    });
}

}  // namespace carryall::app
