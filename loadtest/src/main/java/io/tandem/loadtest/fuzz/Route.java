package io.tandem.loadtest.fuzz;

import java.util.List;

/**
 * A line of the table that a server has at {@code GET /}.
 *
 * @param path with parameters such as {@code :job}
 */
record Route(String method, String path) {

    /** @param index the text at {@code GET /} */
    static List<Route> parse(String index) {
        return index.lines()
                .filter(line -> line.matches("[A-Z]+ /\\S*"))
                .map(line -> line.split(" ", 2))
                .map(words -> new Route(words[0], words[1]))
                .toList();
    }

    @Override
    public String toString() {
        return method + " " + path;
    }
}
