package io.tandem.server.it;

import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code /console} in a browser, with a server of its own.
 *
 * @param operator the server with the key that is entered
 */
record Console(Browser browser, RunningServer operator) implements AutoCloseable {
    private static final Pattern VALUE = Pattern.compile("([A-Za-z][A-Za-z0-9 ]*) ([\\d.e+-]+)(?: ms| %)?(?:, |\\.$)");

    /** Skips the test where there is no browser. */
    static Console start(Path directory) throws Exception {
        Browser browser = Browser.start(directory.resolve("profile"));
        try {
            return new Console(
                    browser, Operator.of(RunningServer.start(directory)).server());
        } catch (Exception e) {
            browser.close();
            throw e;
        }
    }

    @Override
    public void close() {
        browser.close();
        operator.close();
    }

    /** Begins afresh with the overview. */
    void signIn() {
        browser.resize(1280, 900);
        browser.prefer("light");
        browser.open(operator.url() + "/console/");
        browser.evaluate("sessionStorage.setItem('tandem.key', '" + operator.key() + "')");
        browser.open(operator.url() + "/console/#overview");
        browser.reload();
        browser.find("nav a[aria-current]");
        browser.errors();
    }

    void view(String name) {
        browser.control(name).click();
        browser.find("nav a[aria-current]");
    }

    /** What a chart says to those who cannot see it. */
    String description(String label) {
        return (String) browser.evaluate("document.getElementById(document.querySelector(\"[aria-label^='" + label
                + "']\").getAttribute('aria-describedby')).textContent");
    }

    /** The latest values of a chart's series that have one. */
    Map<String, Double> values(String label) {
        Map<String, Double> values = new TreeMap<>();
        Matcher value = VALUE.matcher(description(label).replaceFirst("^[^:]*: ", ""));
        while (value.find()) {
            values.put(value.group(1), Double.parseDouble(value.group(2)));
        }
        return values;
    }
}
