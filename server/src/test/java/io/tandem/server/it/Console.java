package io.tandem.server.it;

import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code /console} in a browser.
 *
 * @param operator with the key that is entered
 */
record Console(Browser browser, RunningServer operator) {
    private static final Pattern VALUE = Pattern.compile("([A-Za-z][A-Za-z0-9 ]*) ([\\d.e+-]+)(?: ms| %)?(?:, |\\.$)");

    /** Of a server without keys, which has one then. */
    static Console of(Browser browser, RunningServer server) throws Exception {
        return new Console(browser, Operator.of(server).server());
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
