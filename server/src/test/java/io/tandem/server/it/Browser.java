package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.logging.Level;
import java.util.stream.Stream;
import org.junit.jupiter.api.Assumptions;
import org.openqa.selenium.By;
import org.openqa.selenium.OutputType;
import org.openqa.selenium.StaleElementReferenceException;
import org.openqa.selenium.WebElement;
import org.openqa.selenium.chrome.ChromeDriver;
import org.openqa.selenium.chrome.ChromeDriverService;
import org.openqa.selenium.chrome.ChromeOptions;
import org.openqa.selenium.logging.LogEntry;
import org.openqa.selenium.logging.LogType;
import org.openqa.selenium.logging.LoggingPreferences;

/** Chromium without a window, as a person uses it. */
final class Browser implements AutoCloseable {
    /** A machine that does much else is slow. */
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private static final Path SCREENSHOTS = Path.of("target/console");

    private final ChromeDriver driver;
    private final Path downloads;

    private Browser(ChromeDriver driver, Path downloads) {
        this.driver = driver;
        this.downloads = downloads;
    }

    /** Skips the test where Chromium and its driver are not installed. */
    static Browser start(Path profile) {
        Optional<Path> chromium =
                program("chromium").or(() -> program("google-chrome")).or(() -> program("chromium-browser"));
        Optional<Path> chromedriver = program("chromedriver");
        Assumptions.assumeTrue(
                chromium.isPresent() && chromedriver.isPresent(),
                "the console's tests need Chromium and chromedriver (Debian: chromium, chromium-driver)");
        Path downloads = profile.toAbsolutePath().resolveSibling("downloads");
        LoggingPreferences log = new LoggingPreferences();
        log.enable(LogType.BROWSER, Level.ALL);
        ChromeOptions options = new ChromeOptions()
                .setBinary(chromium.orElseThrow().toFile())
                .addArguments(
                        "--headless=new",
                        "--no-sandbox",
                        "--disable-gpu",
                        "--disable-dev-shm-usage",
                        "--no-first-run",
                        "--disable-background-networking",
                        "--disable-component-update",
                        "--disable-sync",
                        "--user-data-dir=" + profile.toAbsolutePath());
        options.setExperimentalOption("prefs", Map.of("download.default_directory", downloads.toString()));
        options.setCapability("goog:loggingPrefs", log);
        ChromeDriverService service = new ChromeDriverService.Builder()
                .usingDriverExecutable(chromedriver.orElseThrow().toFile())
                .build();
        ChromeDriver driver = new ChromeDriver(service, options);
        driver.manage().timeouts().implicitlyWait(PATIENCE);
        Browser browser = new Browser(driver, downloads);
        browser.resize(1280, 900);
        return browser;
    }

    private static Optional<Path> program(String name) {
        return Stream.of(Optional.ofNullable(System.getenv("PATH")).orElse("").split(File.pathSeparator))
                .map(folder -> Path.of(folder, name))
                .filter(Files::isExecutable)
                .findFirst();
    }

    void open(String url) {
        driver.get(url);
    }

    /** Loads the page again; nothing of the old one is found any more. */
    void reload() {
        driver.navigate().refresh();
    }

    void resize(int width, int height) {
        driver.executeCdpCommand(
                "Emulation.setDeviceMetricsOverride",
                Map.of("width", width, "height", height, "deviceScaleFactor", 1, "mobile", width < 600));
    }

    void prefer(String scheme) {
        driver.executeCdpCommand(
                "Emulation.setEmulatedMedia",
                Map.of("features", List.of(Map.of("name", "prefers-color-scheme", "value", scheme))));
    }

    /** Whether the server is out of reach. */
    void offline(boolean offline) {
        driver.executeCdpCommand("Network.enable", Map.of());
        driver.executeCdpCommand(
                "Network.emulateNetworkConditions",
                Map.of("offline", offline, "latency", 0, "downloadThroughput", -1, "uploadThroughput", -1));
    }

    /** The first that matches; waits for it. */
    WebElement find(String css) {
        return driver.findElement(By.cssSelector(css));
    }

    List<WebElement> all(String css) {
        return driver.findElements(By.cssSelector(css));
    }

    /** A button or link by all of its text. */
    WebElement control(String text) {
        return driver.findElement(By.xpath("//*[self::button or self::a][normalize-space()='" + text + "']"));
    }

    /** One of a group of them, by the group's label. */
    WebElement control(String group, String text) {
        return driver.findElement(By.xpath(
                "//*[@role='group' and @aria-label='" + group + "']//button[normalize-space()='" + text + "']"));
    }

    /** Waits until an element of the page has a text. */
    WebElement text(String part) {
        return driver.findElement(By.xpath("//body//*[contains(text(), \"" + part + "\")]"));
    }

    /** Clicks what the page may draw anew between being found and being clicked. */
    static void click(Supplier<WebElement> element) {
        while (true) {
            try {
                element.get().click();
                return;
            } catch (StaleElementReferenceException e) {
                // It was replaced by one like it, and has not been clicked.
            }
        }
    }

    Object evaluate(String script) {
        return driver.executeScript("return " + script);
    }

    WebElement focused() {
        return driver.switchTo().activeElement();
    }

    /** Says yes to the question that the page asks. */
    void accept() {
        driver.switchTo().alert().accept();
    }

    /** Errors in the console so far, refusals of the content security policy among them. */
    List<String> errors() {
        return driver.manage().logs().get(LogType.BROWSER).getAll().stream()
                .filter(entry -> entry.getLevel().intValue() >= Level.WARNING.intValue())
                .map(LogEntry::getMessage)
                .toList();
    }

    /** For people: {@code target/console/NAME.png}. */
    void screenshot(String name) throws IOException {
        Files.createDirectories(SCREENSHOTS);
        Files.write(SCREENSHOTS.resolve(name + ".png"), driver.getScreenshotAs(OutputType.BYTES));
    }

    /** Waits until nothing matches any more. */
    void gone(String css) throws Exception {
        await(css + " is gone", () -> evaluate("document.querySelector(\"" + css + "\")") == null);
    }

    /** Waits for a file that the page has the browser save. */
    Path downloaded(String name) throws Exception {
        Path file = downloads.resolve(name);
        await(name + " is there", () -> Files.exists(file) && Files.size(file) > 0);
        return file;
    }

    /** Waits until something is so. */
    static void await(String what, Callable<Boolean> isSo) throws Exception {
        long end = System.nanoTime() + PATIENCE.toNanos();
        while (!isSo.call()) {
            assertThat(System.nanoTime()).as("too late: " + what).isLessThan(end);
            Thread.sleep(20);
        }
    }

    /** Nothing may be wider than the window. */
    void fits() {
        assertThat((Long) evaluate("document.documentElement.scrollWidth"))
                .isLessThanOrEqualTo((Long) evaluate("document.documentElement.clientWidth"));
    }

    @Override
    public void close() {
        driver.quit();
    }
}
