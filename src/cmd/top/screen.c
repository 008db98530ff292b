#include "cmd/top/screen.h"

#include "cmd/top/model.h"

#include <curses.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static SCREEN *screen;
static bool colored;

/* Signals that would end the program leave the terminal as it was. endwin is not made
 * for signal handlers; the program ends here in any case. */
static void die (int signum)
{
    screen_close ();
    signal (signum, SIG_DFL);
    raise (signum);
}

static void catch_signals (void)
{
    static const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
    for (size_t i = 0; i < sizeof (signals) / sizeof (signals[0]); i++)
        signal (signals[i], die);
}

static void init_colors (void)
{
    static const short colors[STYLE_COUNT] = {
        [STYLE_USED] = COLOR_YELLOW,   [STYLE_DOWN] = COLOR_RED,
        [STYLE_INSTANCE] = COLOR_BLUE, [STYLE_BAD] = COLOR_RED,
        [STYLE_GOOD] = COLOR_GREEN,    [STYLE_HEART] = COLOR_RED,
    };
    start_color ();
    use_default_colors ();
    for (int i = 0; i < STYLE_COUNT; i++)
        init_pair (i + 1, colors[i] ? colors[i] : -1, -1);
}

int screen_open (bool color)
{
    if (!(screen = newterm (NULL, stdout, stdin))) {
        const char *term = getenv ("TERM");
        fprintf (stderr, "flux-top: the terminal '%s' cannot be used\n",
                 term ? term : "");
        return -1;
    }
    atexit (screen_close);
    catch_signals ();
    set_escdelay (25);
    cbreak ();
    noecho ();
    nonl ();
    curs_set (0);
    keypad (stdscr, TRUE);
    nodelay (stdscr, TRUE);
    intrflush (stdscr, FALSE);
    leaveok (stdscr, TRUE);
    colored = color && has_colors ();
    if (colored)
        init_colors ();
    return 0;
}

void screen_close (void)
{
    if (!screen)
        return;
    screen = NULL;
    endwin ();
}

void screen_suspend (void)
{
    struct sigaction stop = { .sa_handler = SIG_DFL }, old;

    endwin ();
    if (sigaction (SIGTSTP, &stop, &old) < 0)
        return;
    raise (SIGTSTP);
    sigaction (SIGTSTP, &old, NULL);
    flushinp ();
}

void screen_size (int *width, int *height)
{
    getmaxyx (stdscr, *height, *width);
}

void screen_resize (void)
{
    struct winsize ws;
    if (ioctl (STDIN_FILENO, TIOCGWINSZ, &ws) == 0 && ws.ws_row > 0 && ws.ws_col > 0)
        resizeterm (ws.ws_row, ws.ws_col);
}

static attr_t attributes (int style)
{
    static const attr_t attrs[STYLE_COUNT] = {
        [STYLE_DIM] = A_DIM,
        [STYLE_BOLD] = A_BOLD,
        [STYLE_INSTANCE] = A_BOLD,
    };
    attr_t a = attrs[style & ~STYLE_REVERSE];
    return style & STYLE_REVERSE ? a | A_REVERSE : a;
}

void screen_draw (const struct canvas *c, bool all)
{
    if (all)
        clearok (stdscr, TRUE);
    erase ();
    for (int y = 0; y < c->height; y++) {
        for (int x = 0; x < c->width; x++) {
            const struct canvas_cell *cell = canvas_cell (c, x, y);
            short pair = colored ? (cell->style & ~STYLE_REVERSE) + 1 : 0;
            if (!*cell->text)
                continue;
            attr_set (attributes (cell->style), pair, NULL);
            mvaddstr (y, x, cell->text);
        }
    }
    refresh ();
}

static int translate (wint_t key)
{
    switch (key) {
    case KEY_UP:
        return TOP_KEY_UP;
    case KEY_DOWN:
        return TOP_KEY_DOWN;
    case KEY_LEFT:
        return TOP_KEY_LEFT;
    case KEY_RIGHT:
        return TOP_KEY_RIGHT;
    case KEY_PPAGE:
        return TOP_KEY_PAGE_UP;
    case KEY_NPAGE:
        return TOP_KEY_PAGE_DOWN;
    case KEY_HOME:
        return TOP_KEY_HOME;
    case KEY_END:
        return TOP_KEY_END;
    case KEY_ENTER:
        return TOP_KEY_ENTER;
    case KEY_BACKSPACE:
        return TOP_KEY_BACKSPACE;
    default:
        return 0;
    }
}

int screen_key (void)
{
    wint_t key;
    int rc = get_wch (&key);
    if (rc == ERR)
        return -1;
    if (rc == KEY_CODE_YES)
        return translate (key);
    if (key == '\r' || key == '\n')
        return TOP_KEY_ENTER;
    if (key == 0x7f || key == '\b')
        return TOP_KEY_BACKSPACE;
    if (key == 0x1b)
        return TOP_KEY_ESCAPE;
    return key;
}
