package io.tandem.server.it;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.openqa.selenium.By;
import org.openqa.selenium.Keys;
import org.openqa.selenium.WebElement;

/** {@code /console} in Chromium, with a server that has tenants, adapters and jobs. */
@Timeout(180)
class ConsoleIT {
    private static final String JOBS = "/v1/fine_tuning/jobs";
    private static final String MARKUP = "<img src=x onerror=alert(1)>";

    @TempDir
    private static Path directory;

    private static Browser browser;
    private static RunningServer operator;
    private static Console console;
    /** The job that made the first adapter. */
    private static String job;

    @BeforeAll
    static void start() throws Exception {
        console = Console.start(directory);
        browser = console.browser();
        operator = console.operator();
        operator.post("/v1/organization/projects", "{\"name\":\"" + MARKUP + "\"}");
        job = train("first");
        train("second");
        operator.post("/v1/completions", "{\"model\":\"tiny\",\"prompt\":\"a\",\"max_tokens\":20}");
    }

    /** A job's id. */
    private static String create(String rows, String fields) throws Exception {
        String file = operator.upload("train.jsonl", rows);
        return operator.json(operator.post(
                        JOBS,
                        "{\"model\":\"tiny\",\"training_file\":\"" + file + "\",\"validation_file\":\"" + file + "\","
                                + fields + "}"))
                .path("id")
                .asText();
    }

    /** The id of a job that has ended. */
    private static String train(String suffix) throws Exception {
        String id = create(
                TrainingFiles.chats(8),
                "\"suffix\":\"" + suffix + "\",\"hyperparameters\":{\"n_epochs\":2,\"batch_size\":2}");
        new JobClient(operator).succeeded(id);
        return id;
    }

    @AfterAll
    static void stop() {
        if (console != null) {
            console.close();
        }
    }

    @BeforeEach
    void signIn() {
        console.signIn();
    }

    private static String description(String label) {
        return console.description(label);
    }

    private static void view(String name) {
        console.view(name);
    }

    /** With the list of them, which comes later than the buttons above. */
    private static void viewAdapters() {
        view("Adapters");
        browser.find("main table a[href^='#playground/']");
    }

    @Test
    void aKeyOpensIt() throws Exception {
        browser.evaluate("sessionStorage.clear()");
        browser.reload();
        browser.find("input[name=key]").sendKeys("sk-wrong", Keys.ENTER);
        assertThat(browser.find("[role=alert]").getText()).isEqualTo("The key is not one of this server.");
        browser.screenshot("sign-in");
        browser.find("input[name=key]").sendKeys(operator.key(), Keys.ENTER);
        browser.text("Time to first token");
        browser.control("Forget key").click();
        browser.find("input[name=key]");
        assertThat(browser.evaluate("sessionStorage.getItem('tandem.key')")).isNull();
    }

    /** Charts are drawn, and the policy that keeps foreign scripts out hinders nothing. */
    @Test
    void bothJobsOfTheDeviceAreOnOneChart() throws Exception {
        browser.find(".numbers div");
        assertThat(browser.all("canvas")).hasSize(4);
        assertThat(browser.find(".numbers").getText()).contains("Within targets", "Open jobs");
        assertThat(browser.find("[aria-label^='Tokens per second']").getText())
                .contains("answers", "prompts", "training");
        // The first sample has no rates.
        Browser.await(
                "the second sample is shown",
                () -> description("Tokens per second")
                        .matches("Now: answers [\\d.e+-]+, prompts [\\d.e+-]+, training [\\d.e+-]+\\."));
        browser.screenshot("overview");
        assertThat(description("Time per output token")).endsWith("target 50 ms.");
        assertThat(browser.find("[aria-label='Time per output token'] .u-legend")
                        .getText())
                .contains("50 ms");
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void aJobShowsItsLossAndItsEvents() throws Exception {
        view("Jobs");
        Browser.click(() -> browser.find("main table a[href='#jobs/" + job + "']"));
        browser.find("[aria-label='Loss by step'] canvas");
        browser.text("The job has succeeded");
        browser.screenshot("job");
        assertThat(description("Loss by step")).matches("Up to step 8: training [\\d.]+, validation [\\d.]+\\.");
        browser.control("← All jobs").click();
        browser.text("Fine-tuning jobs");
        assertThat(browser.all("main tbody tr")).hasSizeGreaterThanOrEqualTo(2);
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void aJobIsStartedWithAFile() throws Exception {
        Path file = directory.resolve("mine.jsonl");
        Files.writeString(file, TrainingFiles.chats(6));
        view("Jobs");
        browser.control("Train an adapter…").click();
        browser.find("dialog input[name=training]")
                .sendKeys(file.toAbsolutePath().toString());
        browser.find("dialog input[name=suffix]").sendKeys("console");
        browser.screenshot("train");
        browser.find("dialog button.main").click();
        browser.text(":console");
    }

    @Test
    void adaptersAreMergedAndCompressed() throws Exception {
        viewAdapters();
        browser.control("Merge…").click();
        browser.find("dialog input[name=ids]");
        List<WebElement> boxes = browser.all("dialog input[name=ids]");
        boxes.get(0).click();
        boxes.get(1).click();
        browser.find("dialog input[name=weights]").sendKeys("0.5, 0.5");
        browser.find("dialog input[name=name]").sendKeys("both");
        browser.screenshot("merge");
        browser.find("dialog button.main").click();
        browser.gone("dialog");
        browser.find("main table a[href='#playground/both']");
        assertThat(operator.get("/v1/adapters/both").statusCode()).isEqualTo(200);
        browser.control("both", "Compress…").click();
        browser.find("dialog input[name=density]").clear();
        browser.find("dialog input[name=density]").sendKeys("0.5", Keys.ENTER);
        browser.text("has a compressed version");
        browser.screenshot("adapters");
        assertThat(operator.get("/v1/adapters/both").body()).contains("\"form\":\"compressed\"");
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void withoutAKeyThereIsOnlyTheQuestionForIt() {
        browser.evaluate("sessionStorage.clear()");
        browser.reload();
        browser.find("input[name=key]").sendKeys("sk-tand…em", Keys.ENTER);
        browser.find("input[name=key]:invalid");
        assertThat(browser.find("#views").isDisplayed()).isFalse();
        assertThat(browser.evaluate("sessionStorage.getItem('tandem.key')")).isNull();
    }

    @Test
    void anUnknownViewIsTheOverview() {
        for (String name : List.of("nothing", "constructor")) {
            view("Jobs");
            browser.text("Fine-tuning jobs");
            browser.evaluate("location.hash = '#" + name + "'");
            browser.text("Time to first token");
        }
        assertThat(browser.errors()).isEmpty();
    }

    /** What the server would refuse is marked before the file is sent. */
    @Test
    void aSuffixIsChecked() {
        view("Jobs");
        browser.control("Train an adapter…").click();
        browser.find("dialog input[name=suffix]").sendKeys("two words");
        browser.find("dialog input[name=suffix]:invalid").clear();
        browser.find("dialog input[name=suffix]").sendKeys("v1.2_a-b");
        browser.find("dialog input[name=suffix]:valid");
        assertThat(browser.errors()).isEmpty();
    }

    /** All that is outside of an open dialog is dimmed, and inert for screen readers. */
    @Test
    void aDialogHasItsNotices() {
        viewAdapters();
        browser.control("Merge…").click();
        browser.find("dialog input[name=name]").sendKeys("none", Keys.ENTER);
        assertThat(browser.find("dialog #notices .bad").getText()).contains("'ids'");
        browser.focused().sendKeys(Keys.ESCAPE);
        browser.find("body > #notices .bad");
        assertThat(browser.focused().getText()).isEqualTo("Merge…");
    }

    @Test
    void manyJobsAreNotPassedOffAsAll() {
        browser.evaluate("(window.fetch = async () => Response.json({has_more: true, data:"
                + " Array.from({length: 200}, (_, i) => ({id: `ftjob-${i}`, status: 'failed'}))}), 0)");
        view("Jobs");
        browser.text("Only the newest 200 jobs are shown.");
        assertThat(browser.all("main tbody tr")).hasSize(200);
    }

    @Test
    void aServerThatIsAwayIsMissedAndFoundAgain() {
        view("Jobs");
        browser.find("main table");
        browser.offline(true);
        try {
            assertThat(browser.find("[role=alert]:not([hidden])").getText()).isEqualTo("The server does not answer.");
            view("Adapters");
            browser.control("Try again");
        } finally {
            browser.offline(false);
        }
        browser.control("Try again").click();
        browser.control("Merge…");
        view("Jobs");
        browser.find("[role=alert][hidden]");
    }

    /** A slow network gets no second question before the first is answered. */
    @Test
    void questionsDoNotPileUp() throws Exception {
        browser.find(".numbers div");
        browser.evaluate("(window.asked = 0, window.fetch = () => new Promise(() => window.asked++))");
        Browser.await("it asks", () -> browser.evaluate("window.asked").equals(1L));
        // It would have asked twice more.
        Thread.sleep(5000);
        assertThat(browser.evaluate("window.asked")).isEqualTo(1L);
    }

    @Test
    void anAnswerThatIsCutOffIsNoWholeAnswer() {
        view("Playground");
        browser.find("textarea").sendKeys("Once");
        browser.evaluate(
                "(window.fetch = async () => new Response('data: {\"choices\":[{\"text\":\"half\"}]}\\n\\n'))");
        browser.control("Ask both").click();
        browser.text("The answer was cut off.");
        assertThat(browser.find(".output").getText()).isEqualTo("half");
    }

    /** Nothing is wider than a phone, and a deleted job leads back to the others. */
    @Test
    void aFailedJobSaysWhyAndCanBeDeleted() throws Exception {
        String id = create("{\"" + "long".repeat(50) + "\": 1}\n", "\"suffix\":\"failed\"");
        browser.resize(360, 740);
        browser.evaluate("location.hash = '#jobs/" + id + "'");
        assertThat(browser.find("main p[role=alert]:not([hidden])").getText()).contains("longlong");
        browser.fits();
        browser.screenshot("phone-failed-job");
        browser.control("Delete").click();
        browser.accept();
        browser.text("Fine-tuning jobs");
        assertThat(operator.get(JOBS + "/" + id).statusCode()).isEqualTo(404);
    }

    @Test
    void aLongNameIsNoWiderThanAPhone() throws Exception {
        String id = train("x".repeat(60));
        browser.resize(360, 740);
        view("Jobs");
        Browser.click(() -> browser.find("main table a[href='#jobs/" + id + "']"));
        browser.text("Sample ");
        browser.fits();
        view("Adapters");
        browser.control("Merge…").click();
        browser.find("dialog legend");
        assertThat((Long) browser.evaluate("document.querySelector('dialog').scrollWidth"))
                .isLessThanOrEqualTo((Long) browser.evaluate("document.querySelector('dialog').clientWidth"));
    }

    /** Whoever is at a button stays there while the page is brought up to date. */
    @Test
    void theFocusStays() throws Exception {
        JobClient jobs = new JobClient(operator);
        String id = jobs.endless();
        assertThat(operator.json(operator.post(JOBS + "/" + id + "/pause", ""))
                        .path("status")
                        .asText())
                .isEqualTo("paused");
        browser.evaluate("location.hash = '#jobs/" + id + "'");
        browser.control(id, "Resume");
        browser.evaluate(
                "[...document.querySelectorAll('button')].find(each => each.textContent === 'Resume').focus()");
        browser.evaluate("performance.clearResourceTimings()");
        String polls =
                "performance.getEntriesByType('resource').filter(each => each.name.includes('/checkpoints')).length";
        while ((Long) browser.evaluate(polls) < 2) {
            Thread.sleep(100);
        }
        assertThat(browser.focused().getText()).isEqualTo("Resume");
        jobs.cancel(id);
    }

    @Test
    void whatGoesWrongIsSaid() throws Exception {
        viewAdapters();
        browser.control("Merge…").click();
        browser.find("dialog input[name=ids]").click();
        browser.find("dialog input[name=name]").sendKeys("tiny", Keys.ENTER);
        assertThat(browser.find("#notices .bad").getText()).isNotEmpty();
        browser.focused().sendKeys(Keys.ESCAPE);
        browser.gone("dialog");
    }

    @Test
    void twoAdaptersAnswerSideBySide() throws Exception {
        view("Playground");
        browser.find("textarea").sendKeys("Once upon a time");
        browser.find("input[name=tokens]").clear();
        browser.find("input[name=tokens]").sendKeys("20");
        browser.control("Ask both").click();
        Browser.await(
                "both answered",
                () -> browser.all(".cards p").stream()
                        .allMatch(speed -> speed.getText().matches("\\d+ tokens.*")));
        browser.text("20 tokens");
        List<WebElement> answers = browser.all(".output");
        assertThat(answers).hasSize(2).allMatch(answer -> !answer.getText().isEmpty());
        assertThat(browser.find(".cards section:nth-child(2) input").getAttribute("value"))
                .isNotEqualTo("tiny");
        browser.screenshot("playground");
        assertThat(browser.errors()).isEmpty();
    }

    /** A key is shown once, and works; a name with markup is a name. */
    @Test
    void aTenantGetsAKey() throws Exception {
        view("Tenants");
        browser.text(MARKUP);
        browser.control("New tenant…").click();
        browser.find("dialog input[name=name]").sendKeys("acme", Keys.ENTER);
        browser.text("acme");
        browser.all("main tbody tr").stream()
                .filter(row -> row.getText().contains("acme"))
                .findFirst()
                .orElseThrow()
                .findElement(By.tagName("button"))
                .click();
        browser.find("dialog input[name=name]").sendKeys("app", Keys.ENTER);
        String key = browser.find("dialog code").getText();
        HttpResponse<String> answer = operator.as(key).get("/v1/models");
        assertThat(answer.statusCode()).isEqualTo(200);
        browser.focused().sendKeys(Keys.ESCAPE);
        browser.screenshot("tenants");
    }

    /** Pages that come by HTTP from another machine have no clipboard. */
    @Test
    void aKeyIsShownWhereNothingCanBeCopied() {
        view("Tenants");
        browser.evaluate("void Object.defineProperty(navigator, 'clipboard', {value: undefined})");
        browser.control("Keys…").click();
        browser.find("dialog input[name=name]").sendKeys("remote", Keys.ENTER);
        assertThat(browser.find("dialog code").getText()).startsWith("sk-");
        browser.control("Done").click();
        browser.text("The key works from now on.");
        assertThat(browser.errors()).isEmpty();
    }

    @Test
    void keysWithFewerRightsSeeWhatTheyMay() throws Exception {
        Operator tenants = new Operator(operator);
        String key = tenants.as(tenants.tenant("small"), "inference").key();
        browser.evaluate("sessionStorage.setItem('tandem.key', '" + key + "')");
        browser.reload();
        browser.text("Metrics are for the keys of whoever runs the server.");
        view("Tenants");
        browser.text("This needs a key with the role 'admin'");
        view("Jobs");
        browser.text("This needs a key with the role 'finetune'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"Overview", "Jobs", "Adapters", "Tenants", "Playground"})
    void aPhoneShowsAllOfIt(String name) throws Exception {
        browser.resize(360, 740);
        browser.prefer("dark");
        view(name);
        browser.find("main .card");
        Thread.sleep(300);
        browser.fits();
        assertThat(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
                .isEqualTo("rgb(13, 17, 23)");
        browser.screenshot("phone-" + name);
    }
}
